"""A report as pandas tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import check_word
from vaccine_swift.drift.report_schema import estimate
from vaccine_swift.pages.frames import required_pandas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dataframe", "metric_columns"]

_TABLES: Final = ("layers", "groups", "tests", "prompts")


def dataframe(content: Mapping[str, Any], table: str) -> pd.DataFrame:
    """As `Report.to_dataframe`."""
    check_word("table", table, _TABLES, quoted=True)
    pd = required_pandas()
    if table == "prompts":
        return _prompts(content["prompts"], pd)
    if table == "tests":
        rows = [
            {key: value for key, value in test.items() if _is_entry(value)}
            for test in content["tests"].values()
        ]
        index = pd.Index(list(content["tests"]), name="test")
        return pd.DataFrame(rows, index=index)
    if table == "layers":
        frame = pd.DataFrame([_flat(layer) for layer in content["layers"]])
        return frame.rename_axis("layer")
    rows = [
        {"group": name, "layer": layer, **_flat(entry)}
        for name, group in content["groups"].items()
        for layer, entry in enumerate(group["layers"])
    ]
    columns = ["group", "layer"]
    return pd.DataFrame(rows or None, columns=None if rows else columns).set_index(
        columns
    )


def metric_columns(layers: list[Mapping[str, Any]]) -> list[str]:
    """Names of all metrics of the layers, in their order."""
    return list(dict.fromkeys(key for layer in layers for key in layer))


def _flat(entries: Mapping[str, Any]) -> dict[str, float]:
    row = {}
    for name, entry in entries.items():
        row[name], row[f"{name}_low"], row[f"{name}_high"] = estimate(entry)
    return row


def _prompts(prompts: Mapping[str, Any], pd: Any) -> Any:
    index = pd.Index(prompts["ids"], name="id")
    frame = pd.DataFrame(prompts["relative_drift"], index=index)
    frame = frame.add_prefix("layer_")
    frame.insert(0, "relative_drift", prompts["overall"])
    return frame


def _is_entry(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, int | float)
