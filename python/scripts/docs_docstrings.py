"""A griffe extension: docstrings that a class completes when it is made.

`StudyConfig` writes a line for each of its fields into its docstring. The site is made
from the source, so the text is taken from the class itself.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import griffe

MARK = "{parameters}"


class CompletedDocstrings(griffe.Extension):
    """Puts the docstring of the class as it runs in the place of the source's."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Replace a docstring that has the mark."""
        if cls.docstring is None or MARK not in cls.docstring.value:
            return
        module = importlib.import_module(cls.module.path)
        cls.docstring.value = inspect.getdoc(getattr(module, cls.name))
