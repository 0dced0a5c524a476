"""Where results go is looked at before they are computed."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["check_directory_place", "check_file_place"]


def check_file_place(option: str, path: Path | None) -> None:
    """Refuse a place where no file can be written.

    Parameters
    ----------
    option : str
        The option that names the place.
    path : path, optional
        None where it was not given.

    Raises
    ------
    ValueError
        When `path` is a directory, or its own directory is not there or may not be
        written in; names the option and the path.
    """
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{option} must be a file, got the directory {path}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{option} must lie in a directory that exists, got {path}")
    _check_writable(option, path, path.absolute().parent)


def check_directory_place(option: str, path: Path) -> None:
    """Refuse a place where no directory can be made; those above it need not exist.

    Parameters
    ----------
    option : str
        The option that names the place.
    path : path
        Of the directory.

    Raises
    ------
    ValueError
        When `path` or what it lies in is a file or may not be written in; names the
        option and the path.
    """
    place = path.absolute()
    above = next(each for each in (place, *place.parents) if os.path.lexists(each))
    if not above.is_dir():
        what = f"the file {path}" if above == place else f"{path} in the file {above}"
        raise ValueError(f"{option} must be a directory, got {what}")
    _check_writable(option, path, above)


def _check_writable(option: str, path: Path, directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ValueError(
            f"{option} must be where this user may write, got {path} in {directory}"
        )
