"""Prompt ids and the 64-bit keys from which a prompt's random draws follow."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted

__all__ = ["checked_ids", "grouped", "key_of", "keys_of", "sequence"]


def checked_ids(ids: Any, count: int) -> list[str | int]:
    """One id per row as str or int.

    Raises
    ------
    TypeError
        When an id is neither a string nor an integer.
    ValueError
        When there are not `count` of them.
    """
    if hasattr(ids, "to_pylist"):
        ids = ids.to_pylist()
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise TypeError(f"ids must be a sequence, got {type(ids).__name__}")
    plain = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    if not set(map(type, plain)) <= {int, str}:
        plain = [_plain(each) for each in plain]
    if len(plain) != count:
        raise ValueError(
            f"ids must have one id for each of {counted(count, 'row')}, got "
            f"{len(plain)}"
        )
    return plain


def sequence(values: Any, name: str) -> Any:
    """What has a length and parts, of any sequence; None stays.

    Raises
    ------
    TypeError
        When it is no sequence.
    """
    if values is None or isinstance(values, list | tuple | range | np.ndarray):
        return values
    if hasattr(values, "to_pylist"):
        return values.to_pylist()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence, got {type(values).__name__}")
    return values.tolist() if hasattr(values, "tolist") else list(values)


def grouped(ids: Any, count: int) -> tuple[list[str | int], npt.NDArray[np.int64]]:
    """The prompts of rows in the order of their first, and each row's place among them.

    Raises
    ------
    TypeError, ValueError
        As `checked_ids`.
    """
    if (
        isinstance(ids, np.ndarray)
        and ids.dtype.kind in "iuU"
        and ids.shape == (count,)
    ):
        # Of an array, rows of one prompt that follow each other are looked up once.
        firsts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        values, first, owner = np.unique(
            ids[firsts], return_index=True, return_inverse=True
        )
        order = np.argsort(first)
        place = np.argsort(order)
        lengths = np.diff(firsts, append=count)
        return values[order].tolist(), np.repeat(place[owner], lengths)
    plain = checked_ids(ids, count)
    prompts = list(dict.fromkeys(plain))
    numbers = dict(zip(prompts, range(len(prompts)), strict=True))
    return prompts, np.fromiter(map(numbers.__getitem__, plain), np.int64, count)


def key_of(prompt: str | int) -> int:
    """The key of an id: an integer of 64 bits itself, else BLAKE2b of kind and text."""
    if isinstance(prompt, int) and -(2**63) <= prompt < 2**63:
        return prompt % 2**64
    text = f"{type(prompt).__name__}:{prompt}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def keys_of(prompts: Iterable[str | int]) -> npt.NDArray[np.uint64]:
    """The keys of ids, [P]."""
    plain = list(prompts)
    if set(map(type, plain)) == {int}:
        with contextlib.suppress(OverflowError):
            return np.array(plain, np.int64).view(np.uint64)
    return np.array(list(map(key_of, plain)), np.uint64)


def _plain(value: Any) -> str | int:
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "item"):  # a scalar of numpy or torch
        value = value.item()
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(
        f"ids must be strings or integers, got {type(value).__name__} {value!r:.60}"
    )
