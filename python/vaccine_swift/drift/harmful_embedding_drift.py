"""Harmful embedding drift by its named definitions."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, check_word
from vaccine_swift.drift.row_metrics import row_metric
from vaccine_swift.drift.rows import NOT_PAIRS, rows
from vaccine_swift.drift.vectors import plain_array

__all__ = ["HED_PROFILES", "hed"]

HED_PROFILES: Final = ("rms", "paper", "vaccine-code", "booster-code")


def hed(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    profile: str = "rms",
    mask: npt.ArrayLike | None = None,
    batch_size: int | None = None,
) -> float:
    """Harmful embedding drift: one number for how far attention outputs have moved.

    Parameters
    ----------
    reference, current : array [..., d]
        Attention outputs of both models for the same prompts: [N, d], [B, T, d] or
        [L, B, T, d].
    profile : {"rms", "paper", "vaccine-code", "booster-code"}
        "rms": √mean of the squared change over real tokens and columns; does not grow
        with the data's size. "paper": L2 norm of the whole change (arXiv:2402.01109,
        §3.2). "vaccine-code": the authors' sum of its squares over layers and batches.
        "booster-code": the sum of un-squared norms, one for each layer and batch.
    mask : bool array [...], optional
        Which rows are real tokens, of the leading shape or one that broadcasts to it.
        The authors' codes count padding too: leave it None to do as they do.
    batch_size : int, optional
        Sequences of a batch for "booster-code", of the axis before the tokens;
        default: all are one batch.

    Returns
    -------
    float
        ≥ 0; NaN where no row is left.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> hed(np.zeros((2, 3)), np.full((2, 3), 2.0))
    2.0
    >>> hed(np.zeros((2, 3)), np.full((2, 3), 2.0), profile="vaccine-code")
    24.0
    """
    check_word("profile", profile, HED_PROFILES)
    x, y = _array(reference, "reference"), _array(current, "current")
    if x.shape != y.shape:
        raise ValueError(
            f"current must have the reference's shape {list(x.shape)}, "
            f"got {list(y.shape)}; {NOT_PAIRS}"
        )
    if batch_size is not None:
        check_range("batch_size", batch_size, minimum=1, integer=True)
    keep = (
        np.ones(x.shape[:-1], np.bool_) if mask is None else _mask(mask, x.shape[:-1])
    )
    squares, count = 0.0, int(keep.sum())
    norms = 0.0
    for part_x, part_y, part in _batches(x, y, keep, batch_size):
        if not part.any():
            continue
        if not part.all():
            part_x, part_y = part_x[part], part_y[part]
        square = row_metric(
            rows(_flat(part_x), "reference"),
            rows(_flat(part_y), "current"),
            "hed_vaccine_code",
        )
        squares += square
        norms += math.sqrt(square)
    if not count:
        return math.nan
    return {
        "rms": math.sqrt(squares / (count * x.shape[-1])),
        "paper": math.sqrt(squares),
        "vaccine-code": squares,
        "booster-code": norms,
    }[profile]


def _array(value: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    array = plain_array(value, name)
    if array.ndim < 2:
        raise ValueError(f"{name} must be [..., d], got shape {list(array.shape)}")
    return array


def _mask(mask: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise TypeError(f"mask must hold bool, got dtype {array.dtype}")
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"mask must broadcast to {list(shape)}, got shape {list(array.shape)}"
        ) from None


def _batches(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    keep: npt.NDArray[np.bool_],
    batch_size: int | None,
) -> Any:
    """Layers, then runs of sequences."""
    layers = zip(x, y, keep, strict=True) if x.ndim == 4 else [(x, y, keep)]
    for layer_x, layer_y, layer_keep in layers:
        size = batch_size or len(layer_x)
        for start in range(0, len(layer_x), size):
            part = slice(start, start + size)
            yield layer_x[part], layer_y[part], layer_keep[part]


def _flat(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return part.reshape(-1, part.shape[-1])
