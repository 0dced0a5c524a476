"""Heat maps as tiny PNG files in the page, and their colours."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["GRADIENT", "heat_image"]

# Cividis at equal steps: Nuñez, Anderton, Renslow, "Optimizing colormaps with
# consideration for color vision deficiency", PLOS ONE 13(7), 2018.
_CIVIDIS: Final = (
    "00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369",
    "e1cc55", "fee838",
)  # fmt: skip
_NO_VALUE: Final = (0, 0, 0, 0)

GRADIENT: Final = ",".join(f"#{colour}" for colour in _CIVIDIS)
"""Stops of a CSS gradient from the lowest to the highest value."""


def heat_image(values: npt.ArrayLike, low: float, high: float) -> str:
    """A data URL of a PNG with one pixel for each value; NaN is transparent.

    Parameters
    ----------
    values : array, shape [rows, columns]
        First row at the top.
    low, high : float
        Values of the first and the last colour.
    """
    array = np.asarray(values, np.float64)
    known = np.isfinite(array)
    scaled = np.where(known, (array - low) / ((high - low) or 1.0), 0.0)
    index = 1 + np.rint(np.clip(scaled, 0, 1) * 254)
    pixels = np.where(known, index, 0).astype(np.uint8)
    # Each pixel stands for a block, since not all viewers honour image-rendering.
    factor = max(1, min(8, 800 // max(array.shape)))
    pixels = pixels.repeat(factor, 0).repeat(factor, 1)
    return f"data:image/png;base64,{base64.b64encode(_png(pixels)).decode()}"


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """An indexed PNG of 8 bits; colour 0 is transparent."""
    height, width = pixels.shape
    stops = np.array([[int(c[k : k + 2], 16) for k in (0, 2, 4)] for c in _CIVIDIS])
    place = np.linspace(0, len(stops) - 1, 255)
    steps = np.arange(len(stops))
    colours = np.stack([np.interp(place, steps, channel) for channel in stops.T], 1)
    palette = np.vstack([_NO_VALUE[:3], np.rint(colours)]).astype(np.uint8)
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels])  # filter 0
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", header),
            (b"PLTE", palette.tobytes()),
            (b"tRNS", b"\0"),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
