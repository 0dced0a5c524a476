"""A study's numbers as pandas tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import check_word
from vaccine_swift.pages.frames import required_pandas
from vaccine_swift.study.cells import Row, cells
from vaccine_swift.study.drifted import mean_drift
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.statistics import differences, summary

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dataframe"]


def dataframe(rows: Sequence[Row], table: str) -> pd.DataFrame:
    """As `StudyResult.to_dataframe`."""
    check_word("table", table, _TABLES)
    pd = required_pandas()
    return pd.DataFrame(_TABLES[table](rows))


def _scores(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        cell.fields() | {"seed": seed} | entry
        for cell, of_seed in cells(rows).items()
        for seed, row in of_seed.items()
        for entry in _of_row(row)
    ]


def _of_row(row: Row) -> Iterator[dict[str, Any]]:
    for stage in ("before", "after"):
        found = row["metrics"].get(stage) or {}
        for name, described in METRICS.items():
            if found.get(name):
                yield {
                    "stage": stage,
                    "metric": name,
                    "value": found[name]["value"],
                    "unit": described.unit,
                    "profile": found[name].get("profile", ""),
                }
    drift = mean_drift(row)
    if drift is not None:
        yield {
            "stage": "change",
            "metric": "drift",
            "value": 100 * drift,
            "unit": "%",
            "profile": "",
        }


_TABLES: Final[Mapping[str, Callable[[Sequence[Row]], list[dict[str, Any]]]]] = (
    MappingProxyType(
        {"scores": _scores, "summary": summary, "differences": differences}
    )
)
