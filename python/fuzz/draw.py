"""Hostile values, all from one seed."""

from __future__ import annotations

import operator
import random
from typing import Any

import numpy as np

INTEGERS = (
    *range(-2, 10),
    *(31, 32, 63, 64, 65, 2**15, 2**15 + 1, 2**20, 2**31 - 1, 2**31, 2**32),
    *(2**32 + 1, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**70)),
)
REALS = (
    *(0.0, -0.0, 0.5, 0.9, 1.0, 2.0, -1.0, 1e-7, 5e-324, 1e-300, 1e30, 3.5e38),
    *(1e300, 1.7e308, float("inf"), float("-inf"), float("nan"), 2.0**63, 2.0**53 + 2),
)
WORDS = (
    *("", "a\0b", "\ud800", "é" * 300, "weight", "adapter", "gradient", "zeros"),
    *("first", "second", "none", "worst", "gaussian", "given", "all", "chosen"),
    *("attention", "mlp", "residual", "training", "linear", "q_proj", "down_proj"),
    *(
        "rms",
        "layer",
        "rotary",
        "learned",
        "gated_silu",
        "relu",
        "bfloat16",
        "x" * 9000,
    ),
)
DTYPES = (
    *("int8", "uint8", "int32", "int64", ">i8", "uint64", "float16", "float32"),
    *("float64", ">f8", "bool", "complex64", "object", "U3", "S4", "datetime64[s]"),
    *("V0", "V7", "f4,f4", "float128"),
)
NUMBERS = (0.0, -1.0, 1e-310, 1e30, 3e38, 1e300, np.inf, -np.inf, np.nan)


class LyingLength(np.ndarray):
    """An array whose length is not that of its buffer."""

    lie = 2**63 - 1

    def __len__(self) -> int:
        return self.lie


class Reentrant:
    """A number, a sequence and an array that call back before they answer."""

    def __init__(self, value: Any, action: Any) -> None:
        self.value, self.action = value, action

    def __index__(self) -> int:
        self.action()
        return operator.index(self.value)

    def __float__(self) -> float:
        self.action()
        if isinstance(self.value, float):
            return self.value
        raise TypeError("not a number")

    def __len__(self) -> int:
        self.action()
        return len(self.value)

    def __iter__(self) -> Any:
        self.action()
        if isinstance(self.value, memoryview):
            len(self.value)  # CPython's iter() of a released one breaks its rules
        return iter(self.value)

    def __array__(self, *_: Any, **__: Any) -> Any:
        self.action()
        return np.asarray(self.value)


class Draw(random.Random):
    """Draws values; what it drew follows from its seed."""

    def few(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return self.randint(low, high)

    def once_in(self, chances: int) -> bool:
        """True once in that many draws."""
        return self.randrange(chances) == 0

    def numbers(self) -> np.random.Generator:
        """A generator of numpy's."""
        return np.random.default_rng(self.getrandbits(32))

    def tokens(self, most: int = 12, vocabulary: int = 32) -> np.ndarray:
        """Token ids, mostly known ones."""
        ids = [self.randrange(vocabulary) for _ in range(self.few(1, most))]
        if self.once_in(8):
            ids[self.randrange(len(ids))] = self.choice([-1, vocabulary, -100, 2**30])
        return np.array(ids, self.choice(["int32", "int64"]))

    def floats(self, shape: Any, dtype: str = "float32") -> np.ndarray:
        """Numbers of ordinary size, sometimes with others among them."""
        values = self.numbers().normal(self.choice([0, 0, 1, 1e6]), 1, shape)
        if values.size and self.once_in(4):
            flat = values.reshape(-1)
            for _ in range(self.few(1, 3)):
                flat[self.randrange(flat.size)] = self.choice(NUMBERS)
        with np.errstate(all="ignore"):
            return values.astype(dtype)

    def anything(self) -> Any:
        """A value of any kind."""
        return self.choice(
            [
                lambda: None,
                lambda: self.choice([True, False]),
                lambda: self.choice(INTEGERS),
                lambda: self.choice(REALS),
                lambda: self.choice(WORDS),
                lambda: bytes(self.few(0, 9)),
                lambda: [self.choice(INTEGERS) for _ in range(self.few(0, 3))],
                self.array,
                dict,
                object,
            ]
        )()

    def array(self) -> Any:
        """An array of any dtype, shape and layout."""
        shape = [self.few(0, 9) for _ in range(self.few(0, 4))]
        values = self.numbers().integers(-2, 40, shape)
        with np.errstate(all="ignore"):
            return self.bent(np.asarray(values).astype(self.dtype()))

    def dtype(self) -> Any:
        """A dtype; one of them has no bytes."""
        return np.dtype(self.choice(DTYPES))

    def bent(self, array: np.ndarray) -> Any:
        """The array in another dtype, shape, layout or wrapping."""
        return self.choice(_BENDINGS)(self, array)

    def spoilt(self, value: Any) -> Any:
        """Something like the value that is wrong, or only unusual."""
        if self.once_in(4):
            return self.anything()
        if isinstance(value, np.ndarray):
            return self.bent(value)
        if isinstance(value, bool):
            return self.choice([not value, 0, 1, None])
        if isinstance(value, int):
            near = [value - 1, value + 1, value * 2, np.int64(value % 2**62)]
            return self.choice([*INTEGERS, *near])
        if isinstance(value, float):
            return self.choice(REALS)
        if isinstance(value, str):
            return self.choice(WORDS)
        if isinstance(value, list | tuple):
            items = list(value)
            if items and self.once_in(2):
                items[self.randrange(len(items))] = self.spoilt(items[0])
            elif items:
                items += self.choice([items, items[:1], [None]])
            return items
        if isinstance(value, dict):
            changed = dict(value)
            for key in self.sample(sorted(changed), min(len(changed), self.few(1, 2))):
                changed[key] = self.spoilt(changed[key])
            if changed and self.once_in(6):
                changed.pop(self.choice(sorted(changed)))
            return changed
        return self.anything()


def _poked(draw: Draw, array: np.ndarray) -> np.ndarray:
    array = array.copy()
    if array.size and array.dtype.kind in "iuf":
        flat = array.reshape(-1)
        for _ in range(draw.few(1, 4)):
            pool = NUMBERS if array.dtype.kind == "f" else (-1, 0, 1, 2**31 - 1, 2**62)
            with np.errstate(all="ignore"):
                value = np.asarray(draw.choice(pool)).astype(array.dtype)
                flat[draw.randrange(flat.size)] = value
    return array


def _recast(draw: Draw, array: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        try:
            return array.astype(draw.dtype())
        except Exception:  # noqa: BLE001  # numpy refuses a cast in many ways
            return array


def _misaligned(draw: Draw, array: np.ndarray) -> np.ndarray:
    if array.dtype.hasobject:
        return array
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    moved = (
        raw.view(np.uint8)[: array.nbytes].view(array.dtype) if array.nbytes else raw
    )
    if array.nbytes:
        moved = moved.reshape(array.shape)
        moved[...] = array
    return moved


def _lying(draw: Draw, array: np.ndarray) -> np.ndarray:
    liar = array.view(LyingLength)
    liar.lie = draw.choice([0, 1, 2**31, 2**32, 2**61, 2**63 - 2, 2**63 - 1])
    return liar


def _readonly(draw: Draw, array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


def _resized(draw: Draw, array: np.ndarray) -> np.ndarray:
    flat = array.reshape(-1)
    return draw.choice([flat[:-1], np.concatenate([flat, flat[:1]]), flat[:0], flat])


def _released(draw: Draw, array: np.ndarray) -> Any:
    view = memoryview(bytearray(8))
    view.release()
    return view


_BENDINGS = (
    *(_poked, _poked, _recast, _misaligned, _lying, _readonly, _resized, _released),
    lambda draw, array: array.T,
    lambda draw, array: array[::-1] if array.ndim else array,
    lambda draw, array: np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array,
    lambda draw, array: np.broadcast_to(array, (2, *array.shape)),
    lambda draw, array: array.astype(array.dtype.newbyteorder()),
    lambda draw, array: array.tolist(),
    lambda draw, array: np.zeros(array.shape, []),
    lambda draw, array: array[None],
)
