"""Prompt ids and the 64-bit keys from which a prompt's random draws follow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["checked_ids", "key_of", "keys_of"]


def checked_ids(ids: Any, count: int) -> list[str | int]:
    """One id per row as str or int.

    Raises
    ------
    TypeError
        When an id is neither a string nor an integer.
    ValueError
        When there are not `count` of them.
    """
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise TypeError(f"ids must be a sequence, got {type(ids).__name__}")
    plain = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    if not set(map(type, plain)) <= {int, str}:
        plain = [_plain(each) for each in plain]
    if len(plain) != count:
        raise ValueError(
            f"ids must have one id for each of {count} rows, got {len(plain)}"
        )
    return plain


def key_of(prompt: str | int) -> int:
    """The key of an id: BLAKE2b of its kind and text, 64 bits."""
    text = f"{type(prompt).__name__}:{prompt}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def keys_of(prompts: Iterable[str | int]) -> npt.NDArray[np.uint64]:
    """The keys of ids, [P]."""
    return np.array([key_of(prompt) for prompt in prompts], np.uint64)


def _plain(value: Any) -> str | int:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    raise TypeError(
        f"ids must be strings or integers, got {type(value).__name__} {value!r:.60}"
    )
