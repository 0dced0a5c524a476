"""GGUF files: weights as they are or as float32, under Hugging Face names.

llama.cpp stores the rows of q and k so that a rotary pair lies side by side; Hugging
Face keeps the two halves of a head apart. Of GPT-NeoX it stores all queries, all keys,
all values; Hugging Face has them head by head. Whole rows move, so this is undone
before the rows are dequantised.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift.checkpoints._gguf_reader import open_gguf
from vaccine_swift.checkpoints.blocks import BLOCK_FORMATS, Blocks
from vaccine_swift.checkpoints.gguf_configuration import (
    family_of_metadata,
    gguf_names,
    hugging_face_configuration,
)
from vaccine_swift.checkpoints.gguf_rotary import ROTARY_FACTORS
from vaccine_swift.families import Family

__all__ = ["GGUFFile"]

_RowOrder = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
_LAYER: Final = re.compile(r"blk\.(\d+)\.(.+)")
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
    mapped : bool
        Whether `blocks` gives views of the file instead of copies.

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
        When the file is truncated or corrupt, of an architecture that is not here, or
        holds a tensor type other than F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and
        Q2_K to Q6_K; names the file.
    """

    def __init__(self, path: Path, *, mapped: bool = True) -> None:
        self.name = str(path)
        self._mapped = mapped
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
        try:
            self._family = family_of_metadata(self.metadata)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        self._tensors = {
            hugging_face_name(tensor.name, self._family): tensor for tensor in tensors
        }
        self.unreadable: Mapping[str, str] = {}
        factors = {
            name: self._tensors.pop(name)
            for name in ROTARY_FACTORS
            if name in self._tensors
        }
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: tuple(int(size) for size in reversed(tensor.shape))
            for name, tensor in self._tensors.items()
        }
        try:
            self.config: dict[str, Any] = hugging_face_configuration(
                self.metadata,
                self.shapes,
                {
                    name: _dequantised(tensor, tensor.data)
                    for name, tensor in factors.items()
                },
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32; a float32 tensor is a view of the file."""
        tensor = self._tensors[name]
        reorder = self._row_order(name)
        rows = tensor.data if reorder is None else reorder(tensor.data)
        values = _dequantised(tensor, rows)
        _core.check_mapped(tensor.data)
        if gguf_names(self._family).norms_with_offset and name.endswith("norm.weight"):
            return values - 1
        return values

    def blocks(self, name: str) -> Blocks:
        """One matrix as the file has it, a view of the file where that is mapped.

        Raises
        ------
        ValueError
            When its type is not held as it is; names the alternatives.
        """
        tensor = self._tensors[name]
        kind = tensor.tensor_type.name
        if kind not in BLOCK_FORMATS:
            raise ValueError(
                f"{name} is {kind}, which dtype='gguf' does not hold; it holds "
                f"{', '.join(BLOCK_FORMATS)}. Load the file with dtype='float32', or "
                "requantise it with llama.cpp's llama-quantize"
            )
        rows = np.asarray(tensor.data).view(np.uint8).reshape(self.shapes[name][0], -1)
        if not self._mapped:
            rows = rows.copy()
            _core.check_mapped(tensor.data)
        reorder = self._row_order(name)
        if reorder is None:
            return Blocks(kind, rows)
        return Blocks(kind, rows, reorder(np.arange(len(rows))))

    @property
    def is_held(self) -> bool:
        """Whether the core holds and decodes matrices of all these types."""
        matrices = (each for each in self._tensors.values() if len(each.shape) == 2)
        return all(each.tensor_type.name in BLOCK_FORMATS for each in matrices)

    def require_memory(self) -> None:
        """Refuse copies of all blocks that do not fit.

        Raises
        ------
        MemoryError
            Says how much they take and how much there is; nothing was allocated.
        """
        needed = sum(int(tensor.n_bytes) for tensor in self._tensors.values())
        left = _core.available_memory()
        if needed > left:
            raise MemoryError(
                f"{self.name}: its blocks take {needed / 1e6:.0f} MB, but only "
                f"{left / 1e6:.0f} MB of memory are available; memory_map=True reads "
                "them where the file lies"
            )

    def _row_order(self, name: str) -> _RowOrder | None:
        """What brings a tensor's rows into Hugging Face's order; None: they are."""
        names = gguf_names(self._family)
        for rows, reorder in (
            (names.paired_rows, _halves_apart),
            (names.stacked_rows, _head_by_head),
        ):
            for module, key in rows.items():
                before, after = self._family.modules[module].split("{layer}")
                if name.startswith(before) and name.rpartition(".")[0].endswith(after):
                    heads = self.config.get(key, self.config["num_attention_heads"])
                    return functools.partial(reorder, heads=int(heads))
        return None


def hugging_face_name(name: str, family: Family) -> str:
    """The Hugging Face name of a GGUF tensor; the name itself where there is none.

    >>> from vaccine_swift.families import FAMILIES
    >>> hugging_face_name("blk.3.attn_q.weight", FAMILIES["llama"])
    'model.layers.3.self_attn.q_proj.weight'
    """
    module, _, kind = name.rpartition(".")
    match = _LAYER.fullmatch(module)
    layer, own = match.groups() if match else (None, module)
    for word, theirs in gguf_names(family).modules.items():
        template = family.modules[word]
        if theirs == own and ("{layer}" in template) == (layer is not None):
            return f"{template.format(layer=layer)}.{kind}"
    return name


def _head_by_head(rows: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """All queries, keys and values, as query, key and value of each head.

    A flat array is a bias, or row numbers.
    """
    stacked = rows.reshape(3, heads, -1, *rows.shape[1:])
    return np.ascontiguousarray(stacked.swapaxes(0, 1)).reshape(rows.shape)


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
