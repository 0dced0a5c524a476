"""Paths that are names of models or data sets on the Hugging Face Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["hub_hint"]

_NAME: Final = re.compile(r"(?!\.)[\w.-]+/(?!\.)[\w.-]+")


def hub_hint(path: Path, *, dataset: bool = False) -> str:
    """What to do where a path that does not exist may be a name on the Hub.

    Parameters
    ----------
    path : Path
        What the caller gave.
    dataset : bool
        Whether it is a data set's name, not a model's.

    Returns
    -------
    str
        The end of an error message; empty for what cannot be such a name.

    Examples
    --------
    >>> hub_hint(Path("someone/model"))[:50]
    '; to fetch it from the Hugging Face Hub, run "hf d'
    >>> hub_hint(Path("/models/one"))
    ''
    """
    name = str(path)
    if path.exists() or not _NAME.fullmatch(name):
        return ""
    kind, end = ("", "")
    if dataset:
        kind, end = " --repo-type dataset", "/…, the file in it"
    return (
        f'; to fetch it from the Hugging Face Hub, run "hf download {name}{kind} '
        f'--local-dir {path.name}" once and give "{path.name}{end}"'
    )
