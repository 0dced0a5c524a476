"""Matrices in the block formats of GGUF files, as the core holds them."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import gguf
import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift.checkpoints.tensors import TensorSource

__all__ = ["BLOCK_FORMATS", "BlockSource", "Blocks", "Quantised", "quantisations"]

BLOCK_FORMATS: Final = (
    "F32",
    "F16",
    "BF16",
    "Q8_0",
    "Q4_0",
    "Q4_1",
    "Q5_0",
    "Q5_1",
    "Q4_K",
    "Q5_K",
    "Q6_K",
)
"""Types of GGUF tensors that stay as they are in memory."""

_QUANTISATIONS: Final = {"q8_0": "Q8_0", "q4_0": "Q4_0"}
_VOCABULARY: Final = "Q8_0"


class Blocks(NamedTuple):
    """A matrix [out, in] in one format.

    Attributes
    ----------
    format : str
        One of `BLOCK_FORMATS`.
    rows : ndarray, uint8 [out, bytes of a row]
        C-contiguous; perhaps a view of the file.
    order : ndarray, int64 [out], optional
        Row i of the matrix is ``rows[order[i]]``; None: ``rows[i]``.
    """

    format: str
    rows: npt.NDArray[np.uint8]
    order: npt.NDArray[np.int64] | None = None


class BlockSource(TensorSource, Protocol):
    """A checkpoint that gives matrices in blocks."""

    def blocks(self, name: str) -> Blocks:
        """One matrix.

        Raises
        ------
        ValueError
            When its format is not among `BLOCK_FORMATS`; names the alternatives.
        """


class Quantised:
    """A checkpoint whose matrices are quantised as they are read.

    Parameters
    ----------
    source : TensorSource
        The numbers.
    kind : str
        One of `quantisations`.
    vocabulary : collection of str
        The embedding and the vocabulary matrix, which are always Q8_0: their error
        meets every token.
    """

    def __init__(self, source: TensorSource, kind: str, vocabulary: set[str]) -> None:
        self.name = source.name
        self.shapes = source.shapes
        self.unreadable = source.unreadable
        self._source = source
        self._kind = _QUANTISATIONS[kind]
        self._vocabulary = vocabulary

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32, not quantised."""
        return self._source.read(name)

    def blocks(self, name: str) -> Blocks:
        """One matrix; F32 where a row is no whole number of blocks."""
        values = np.ascontiguousarray(self._source.read(name), dtype=np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity")
        kind = _VOCABULARY if name in self._vocabulary else self._kind
        if values.shape[1] % gguf.GGML_QUANT_SIZES[_type(kind)][0]:
            return Blocks("F32", values.view(np.uint8))
        blocks = gguf.quantize(values, _type(kind))
        _core.check_mapped(values)
        return Blocks(kind, blocks)


def quantisations() -> tuple[str, ...]:
    """The kinds that `Quantised` takes."""
    return tuple(_QUANTISATIONS)


def _type(name: str) -> gguf.GGMLQuantizationType:
    return gguf.GGMLQuantizationType[name]
