"""Paths that are names of models on the Hugging Face Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["hub_hint"]

_NAME: Final = re.compile(r"(?!\.)[\w.-]+/(?!\.)[\w.-]+")


def hub_hint(path: Path) -> str:
    """What to do where a path that does not exist may be a model's name on the Hub.

    Parameters
    ----------
    path : Path
        What the caller gave.

    Returns
    -------
    str
        The end of an error message; empty for what cannot be such a name.

    Examples
    --------
    >>> hub_hint(Path("someone/model"))[:50]
    '; to fetch it from the Hugging Face Hub, run "hf d'
    >>> hub_hint(Path("/models/one"))
    ''
    """
    name = str(path)
    if path.exists() or not _NAME.fullmatch(name):
        return ""
    return (
        f'; to fetch it from the Hugging Face Hub, run "hf download {name} --local-dir '
        f'{path.name}" once and give "{path.name}"'
    )
