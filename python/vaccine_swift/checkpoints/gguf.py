"""GGUF files: weights dequantised to float32, under Hugging Face names.

llama.cpp stores the rows of q and k so that a rotary pair lies side by side; Hugging
Face keeps the two halves of a head apart. Whole rows move, so this is undone before the
rows are dequantised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import numpy.typing as npt

from vaccine_swift.checkpoints._gguf_reader import open_gguf
from vaccine_swift.checkpoints.gguf_configuration import (
    ROTARY_FACTORS,
    hugging_face_configuration,
)

__all__ = ["GGUFFile"]

_NAMES: Final = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_BLOCK_NAMES: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_BLOCK: Final = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)")
_HEADS: Final = {
    "self_attn.q_proj": "num_attention_heads",
    "self_attn.k_proj": "num_key_value_heads",
}
_TYPES: Final = frozenset(
    [
        "F32",
        "F16",
        "BF16",
        "Q4_0",
        "Q4_1",
        "Q5_0",
        "Q5_1",
        "Q8_0",
        "Q2_K",
        "Q3_K",
        "Q4_K",
        "Q5_K",
        "Q6_K",
    ]
)


class GGUFFile:
    """The weights, configuration and metadata of one ``.gguf`` file.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    metadata : dict
        The file's key/value pairs.
    config : dict
        The Hugging Face configuration that they stand for.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is truncated or corrupt, of another architecture than llama, or
        holds a tensor type other than F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and
        Q2_K to Q6_K; names the file.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.metadata, tensors = open_gguf(path)
        other = [
            f"{tensor.name} ({tensor.tensor_type.name})"
            for tensor in tensors
            if tensor.tensor_type.name not in _TYPES
        ]
        if other:
            raise ValueError(
                f"{path}: tensor types must be {', '.join(sorted(_TYPES))}, but there "
                f"is {', '.join(other[:3])}"
            )
        self._tensors = {hugging_face_name(tensor.name): tensor for tensor in tensors}
        self.unreadable: Mapping[str, str] = {}
        factors = self._tensors.pop(ROTARY_FACTORS, None)
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: tuple(int(size) for size in reversed(tensor.shape))
            for name, tensor in self._tensors.items()
        }
        try:
            self.config: dict[str, Any] = hugging_face_configuration(
                self.metadata,
                self.shapes,
                None if factors is None else _dequantised(factors, factors.data),
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32; a float32 tensor is a view of the file."""
        tensor = self._tensors[name]
        rows = tensor.data
        for module, key in _HEADS.items():
            if f".{module}." in name:
                heads = self.config.get(key, self.config["num_attention_heads"])
                rows = _halves_apart(rows, heads)
        return _dequantised(tensor, rows)


def hugging_face_name(name: str) -> str:
    """The Hugging Face name of a GGUF tensor; the name itself where there is none.

    >>> hugging_face_name("blk.3.attn_q.weight")
    'model.layers.3.self_attn.q_proj.weight'
    """
    if match := _BLOCK.fullmatch(name):
        layer, module, kind = match.groups()
        if module in _BLOCK_NAMES:
            return f"model.layers.{layer}.{_BLOCK_NAMES[module]}.{kind}"
    module, _, kind = name.rpartition(".")
    return f"{_NAMES[module]}.{kind}" if module in _NAMES else name


def _halves_apart(rows: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Undo llama.cpp's order of q's and k's rows.

    Within a head of D rows, row 2i goes to i and row 2i + 1 to D/2 + i.
    """
    paired = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return np.ascontiguousarray(paired.swapaxes(1, 2)).reshape(rows.shape)


def _dequantised(
    tensor: gguf.ReaderTensor, rows: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    values = gguf.dequantize(rows, tensor.tensor_type)
    return np.ascontiguousarray(values, dtype=np.float32)
