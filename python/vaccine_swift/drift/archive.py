"""Arrays in a file with a header that is checked: what a state is saved as."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from vaccine_swift.files import new_file
from vaccine_swift.files.numpy_files import read_npz
from vaccine_swift.files.strict_json import parse_json

__all__ = ["checksum", "read_archive", "read_state", "write_archive"]

_PIECE: Final = 1 << 26
"""Bytes that are hashed at a time."""
Arrays = dict[str, npt.NDArray[Any]]
State = TypeVar("State")


def write_archive(
    path: str | os.PathLike[str],
    form: str,
    header: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """A numpy archive, which appears whole or not at all.

    Parameters
    ----------
    path : path
    form : str
        Name and version of the format.
    header : mapping
        What JSON can hold; becomes the member ``header``, with the format and a
        checksum over everything.
    arrays : mapping of str to array
        The other members.

    Raises
    ------
    OSError
        When the disk refuses.
    """
    whole = {"format": form, **header}
    whole["checksum"] = checksum(arrays, whole)
    text = json.dumps(whole, default=str).encode()
    members = {**arrays, "header": np.frombuffer(text, np.uint8)}
    with new_file(path) as beside, beside.open("wb") as file:
        np.savez(file, **members)  # type: ignore[arg-type]  # names are not options


def read_archive(
    path: str | os.PathLike[str], form: str, kind: str
) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays that `write_archive` wrote.

    Parameters
    ----------
    path : path
    form : str
        The format that it has to be of.
    kind : str
        What such a file is called in errors.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is truncated, changed, of another format, or something else.
    MemoryError
        When there is less memory than it needs.
    """
    arrays = _arrays(path, kind)
    try:
        header = parse_json(arrays.pop("header").tobytes().decode())
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is no {kind}: {error}") from error
    if not isinstance(header, dict) or header.get("format") != form:
        found = header.get("format") if isinstance(header, dict) else None
        raise ValueError(f"{path} must be of format {form!r}, got {found!r}")
    if header.pop("checksum", None) != checksum(arrays, header):
        raise ValueError(f"{path} was changed or damaged: its checksum differs")
    return header, arrays


def read_state(
    path: str | os.PathLike[str],
    form: str,
    kind: str,
    build: Callable[[dict[str, Any], Arrays], State],
) -> tuple[State, dict[str, Any]]:
    """A state out of header and arrays, and the header's metadata.

    Parameters
    ----------
    path, form, kind
        As of `read_archive`.
    build : callable
        Gets header and arrays; refuses what is none of a state.

    Raises
    ------
    FileNotFoundError, MemoryError
        As `read_archive`.
    ValueError
        As there, or when `build` refuses.
    """
    header, arrays = read_archive(path, form, kind)
    try:
        return build(header, arrays), dict(header["metadata"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _arrays(path: str | os.PathLike[str], kind: str) -> Arrays:
    try:
        members = read_npz(path, packed=False)
    except ValueError as error:
        raise ValueError(f"{path} is no {kind}, or truncated: {error}") from error
    arrays = {}
    for name, array in members.items():
        if array is None:
            raise ValueError(f"{path} is damaged: {name!r} holds Python objects")
        arrays[name] = array
    return arrays


def checksum(arrays: Mapping[str, npt.NDArray[Any]], header: Mapping[str, Any]) -> str:
    """Of the arrays and of what the header says about them."""
    digest = hashlib.sha256(json.dumps(header, default=str).encode())
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{values.dtype.str}{values.shape}".encode())
        # In pieces, between which Ctrl-C is honoured.
        flat = values.reshape(-1).view(np.uint8).data
        for start in range(0, len(flat), _PIECE):
            digest.update(flat[start : start + _PIECE])
    return digest.hexdigest()
