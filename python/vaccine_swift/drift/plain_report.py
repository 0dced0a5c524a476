"""What every report of drift is: one mapping of plain values, kept as JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from vaccine_swift.files import write_text
from vaccine_swift.files.plain_json import json_text, plain
from vaccine_swift.files.reading import read_whole
from vaccine_swift.files.strict_json import parse_json

__all__ = ["PlainReport"]


@dataclass(frozen=True, repr=False, eq=False)
class PlainReport:
    """A report that can be kept and read again.

    Parameters
    ----------
    content : mapping
        As `to_dict` gives it.
    """

    content: Mapping[str, Any]

    kind: ClassVar[str]
    """What it is called in errors."""

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        OSError, ValueError
            When there is no such file, or it is no such report.
        """
        try:
            return cls(parse_json(read_whole(Path(path)).decode()))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is no {cls.kind}: {error}") from error

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as strict JSON; NaN becomes null.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        text = json_text(self.content, indent=1)
        if path is not None:
            write_text(path, text + "\n")
        return text

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return bool(plain(self.content) == plain(other.content))

    __hash__ = None  # type: ignore[assignment]
