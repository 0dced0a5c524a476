"""What a command writes must be nothing that it reads, nor written twice."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["check_output_dir", "check_written"]

_Place = str | os.PathLike[str] | None


def check_written(
    written: Mapping[str, _Place], read: Iterable[tuple[str, _Place]]
) -> None:
    """Refuse options that would replace what the command reads, or each other's file.

    Parameters
    ----------
    written : mapping of option to path
        Such as ``{"--json": Path("drift.json")}``; None where it was not given.
    read : iterable of (option, path)
        Files and directories; None, and names of what is no file, are passed over.

    Raises
    ------
    ValueError
        Names the option and the path.
    """
    sources = [(source, Path(each)) for source, each in read if each is not None]
    earlier: dict[str, Path] = {}
    for option, place in written.items():
        if place is None:
            continue
        path = Path(place)
        for source, each in sources:
            if _same(path, each):
                kind = "directory" if path.is_dir() else "file"
                raise ValueError(
                    f"{option} must not be the {kind} of {source} itself, got {path}"
                )
        for other, known in earlier.items():
            if _same(path, known):
                raise ValueError(
                    f"{other} and {option} must be two files, got {path} for both"
                )
        earlier[option] = path


def check_output_dir(options: argparse.Namespace) -> None:
    """Refuse ``--output-dir`` where ``--model`` or an ``--adapter`` is.

    Raises
    ------
    ValueError
        Names the option and the path.
    """
    read = [("--model", options.model)]
    read += [("--adapter", each) for each in options.adapter]
    check_written({"--output-dir": options.output_dir}, read)


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return os.path.realpath(first) == os.path.realpath(second)
