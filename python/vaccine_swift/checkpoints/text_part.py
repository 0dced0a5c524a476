"""The language model in a checkpoint that sees images as well: of Gemma 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.checkpoints.tensors import TensorSource

__all__ = ["text_settings", "text_tensors"]

_WHOLES: Final = {"gemma3": "gemma3_text"}
# As the hub and as newer versions of transformers have them.
_PREFIXES: Final = {
    "language_model.model.": "model.",
    "language_model.lm_head.": "lm_head.",
    "model.language_model.": "model.",
}
_OTHERS: Final = tuple(
    f"{prefix}{part}."
    for prefix in ("", "model.")
    for part in ("vision_tower", "multi_modal_projector")
)
_SHARED: Final = (
    *("bos_token_id", "eos_token_id", "pad_token_id"),
    *("dtype", "torch_dtype", "tie_word_embeddings", "quantization_config"),
)


def text_settings(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The configuration of the language model alone.

    Parameters
    ----------
    config : mapping
        What ``config.json`` holds. Where ``model_type`` is that of a model with a
        language model in it ("gemma3"), its settings are under ``text_config``.
    source : str
        Named at the head of error messages.

    Returns
    -------
    dict
        As it came where the whole is a language model.

    Raises
    ------
    ValueError
        When there is no ``text_config``, or it is of another model.
    """
    kind = _WHOLES.get(str(config.get("model_type")))
    if kind is None:
        return dict(config)
    text = config.get("text_config")
    if not isinstance(text, Mapping) or text.get("model_type", kind) != kind:
        raise ValueError(
            f"{source}: text_config must be a mapping with model_type {kind!r}"
        )
    shared = {key: config[key] for key in _SHARED if config.get(key) is not None}
    own = {key: value for key, value in text.items() if value is not None}
    return shared | own | {"model_type": kind}


def text_tensors(config: Mapping[str, Any], source: TensorSource) -> TensorSource:
    """The tensors of the language model alone, under the names that it has by itself.

    Parameters
    ----------
    config : mapping
        What ``config.json`` holds.
    source : TensorSource
        The checkpoint; returned as it is where the whole is a language model.
    """
    is_whole = config.get("model_type") not in _WHOLES
    return source if is_whole else _TextPart(source)


class _TextPart:
    """The language model's tensors under the names that they have without the rest."""

    def __init__(self, source: TensorSource) -> None:
        self.name = source.name
        self._source = source
        self._theirs = {
            _renamed(name): name
            for name in source.shapes
            if not name.startswith(_OTHERS)
        }
        self.shapes: Mapping[str, tuple[int, ...]] = {
            own: source.shapes[name] for own, name in self._theirs.items()
        }
        self.unreadable: Mapping[str, str] = {
            own: source.unreadable[name]
            for own, name in self._theirs.items()
            if name in source.unreadable
        }

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32."""
        return self._source.read(self._theirs[name])


def _renamed(name: str) -> str:
    for prefix, own in _PREFIXES.items():
        if name.startswith(prefix):
            return own + name.removeprefix(prefix)
    return name
