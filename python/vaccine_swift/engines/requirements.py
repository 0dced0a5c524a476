"""torch, transformers, peft and accelerate, or a sentence on how to get them."""

from __future__ import annotations

import importlib
from typing import Any, Final

__all__ = ["load_torch_engine", "require"]

_EXTRA: Final = "pip install 'vaccine-swift[torch]'"


def require(module: str, purpose: str) -> Any:
    """A module of the extra ``torch``.

    Raises
    ------
    ImportError
        When it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{purpose} needs {module} ({_EXTRA}): {error}") from error


def load_torch_engine() -> Any:
    """The package `vaccine_swift.engines.torch`.

    Raises
    ------
    ImportError
        When a library of the extra is not installed.
    """
    for module in ("torch", "transformers", "peft", "accelerate"):
        require(module, 'engine="torch"')
    return importlib.import_module("vaccine_swift.engines.torch")
