"""Example answers of the aligned and the attacked models, as tables of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vaccine_swift.pages.table import Cell, Table

__all__ = ["Answer", "Example"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one arm's models said.

    Parameters
    ----------
    arm : str
        Its label.
    before, after : str
        Of the aligned and of the attacked model.
    """

    arm: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Example:
    """A request with the answers of one or more arms.

    Parameters
    ----------
    request : str
    answers : sequence of Answer
    """

    request: str
    answers: tuple[Answer, ...]

    def table_with(self, styles: Mapping[str, str]) -> Table:
        """A row for each arm, before and after the attack."""
        return Table(
            ["arm", "before the attack", "after"],
            [
                [
                    Cell(each.arm, swatch=styles.get(each.arm, "quiet")),
                    " ".join(each.before.split()),
                    " ".join(each.after.split()),
                ]
                for each in self.answers
            ],
            prose=True,
        )

    @classmethod
    def tables(
        cls, examples: Iterable[Example], styles: Mapping[str, str]
    ) -> list[dict[str, object]]:
        """What the template shows of some."""
        return [
            {"request": each.request, "table": each.table_with(styles)}
            for each in examples
        ]
