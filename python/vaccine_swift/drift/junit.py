"""Checks of a report as JUnit's XML, which build servers show."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from vaccine_swift.files import write_text

__all__ = ["Check", "junit_text"]

# What XML 1.0 cannot hold, escaped or not.
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Check:
    """What was asked, and how it ended.

    Parameters
    ----------
    name : str
    failure : str or None
        Why it does not hold.
    skipped : str or None
        Why it was not looked at.
    """

    name: str
    failure: str | None = None
    skipped: str | None = None


def junit_text(
    suite: str,
    checks: Sequence[Check],
    said: str,
    path: str | os.PathLike[str] | None = None,
) -> str:
    """One suite with a case for each check.

    Parameters
    ----------
    suite : str
        Its name, and the class of its cases.
    checks : sequence of Check
    said : str
        Its output: what was found, in words.
    path : path, optional
        Also write it there; the file appears whole or not at all.

    Raises
    ------
    OSError
        When the disk refuses.
    """
    failed = [each for each in checks if each.failure is not None]
    skipped = [each for each in checks if each.skipped is not None]
    counts = {
        "tests": str(len(checks)),
        "failures": str(len(failed)),
        "errors": "0",
        "skipped": str(len(skipped)),
    }
    root = ET.Element("testsuites", counts)
    inside = ET.SubElement(root, "testsuite", {"name": suite, **counts})
    for check in checks:
        case = ET.SubElement(
            inside, "testcase", {"classname": suite, "name": _legal(check.name)}
        )
        if check.failure is not None:
            message = {"message": _legal(check.failure), "type": "DriftExceeded"}
            ET.SubElement(case, "failure", message)
        elif check.skipped is not None:
            ET.SubElement(case, "skipped", {"message": _legal(check.skipped)})
    ET.SubElement(inside, "system-out").text = _legal(said)
    ET.indent(root)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, "unicode")}\n'
    if path is not None:
        write_text(path, text)
    return text


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
