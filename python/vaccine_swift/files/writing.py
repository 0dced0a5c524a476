"""Single files, which appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.files.plain_json import json_text
from vaccine_swift.files.stages import finish, flush_names, naming, stage_in

__all__ = [
    "append_line",
    "new_file",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
]


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write a file at, which becomes `path` when the block ends.

    On an error, or when the process is killed, a file at `path` stays as it was.

    Raises
    ------
    OSError
        When the disk refuses; names `path`.
    """
    target = Path(path)
    with naming(target), stage_in(target.absolute().parent, target.name) as stage:
        beside = stage / target.name
        yield beside
        finish(stage)
        beside.replace(target)
        flush_names(target.absolute().parent)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all; OSError names it."""
    with new_file(path) as beside:
        beside.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file whole or not at all; OSError names it."""
    write_bytes(path, text.encode())


def write_json(
    path: str | os.PathLike[str],
    value: Any,
    *,
    indent: int | None = 2,
    sort_keys: bool = False,
) -> None:
    """Write a value as `json_text` puts it, whole or not at all; OSError names it."""
    write_text(path, json_text(value, indent=indent, sort_keys=sort_keys) + "\n")


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, npt.NDArray[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Write a safetensors file whole or not at all; OSError names it.

    Raises
    ------
    ValueError
        When a number is not finite: reading such a file is refused. Names the tensor.
    """
    from safetensors.numpy import save_file

    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{path}: {name} holds NaN or infinity and is not written")
    with new_file(path) as beside:
        contiguous = {
            name: np.asarray(value, order="C") for name, value in tensors.items()
        }
        save_file(contiguous, beside, metadata=dict(metadata))


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Add a line to a file in one write; OSError names the file."""
    with naming(Path(path)), Path(path).open("ab", buffering=0) as file:
        file.write((line + "\n").encode())
