"""Which columns of a table are embedding, ids and labels; cells as arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.columns import Column, chosen_columns
from vaccine_swift.drift.embedding_file import (
    Asked,
    EmbeddingFile,
    as_layers,
    check_labels,
    ids_of,
)
from vaccine_swift.drift.vectors import arrow_column, arrow_vectors

__all__ = ["TableColumns"]

_SPELLED: Final = re.compile(r"\s*[\[(]\s*[-+.\d][-+.\deE]*[\s,;]")


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of an Arrow schema by what they are for.

    Parameters
    ----------
    source : str
        What messages call the table.
    names : tuple of str
        Of the embedding, in order: `kind` "vectors", each a layer, or "numbers", all
        of them one.
    ids, labels : str or None
    left_out : tuple of str
    """

    source: str
    names: tuple[str, ...]
    kind: str
    ids: str | None
    labels: str | None
    left_out: tuple[str, ...]

    @classmethod
    def of(
        cls,
        schema: Any,
        source: str,
        asked: Asked,
        read: Callable[[list[str]], Any] | None = None,
    ) -> TableColumns:
        """Choose among the columns of a schema.

        Parameters
        ----------
        schema : pyarrow.Schema
        source : str
            What messages call the table.
        asked : Asked
        read : callable, optional
            Gives rows of the columns named, at least the first ones.

        Raises
        ------
        ValueError
            When two columns have one name, one is missing, more than one choice is
            left, or a text spells vectors, as "[0.1, 0.2]", where there are none.
        """
        names = list(schema.names)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{source} has two columns of the name {name!r}")
        types = dict(zip(names, schema.types, strict=True))
        labels = asked.labels
        check_labels(source, names, asked.ids)
        ids = asked.ids or ids_of(types, lambda _: True)
        index = _index_columns(schema)
        described = [
            Column(name, *arrow_column(types[name]))  # type: ignore[arg-type]
            for name in names
            if name not in (ids, labels, asked.beside)
            and (name not in index or asked.column is not None)
        ]
        if read is not None and asked.column is None:
            _check_spelled(types, described, source, read)
        chosen = chosen_columns(described, asked.column, source)
        check_labels(source, names, labels)
        kept = {*chosen.names, ids, labels}
        return cls(
            source,
            chosen.names,
            chosen.kind,
            ids,
            labels,
            tuple(name for name in names if name not in kept),
        )

    @property
    def wanted(self) -> list[str]:
        """All columns that are read."""
        read = {*self.names, self.ids, self.labels} - {None}
        return sorted(map(str, read))

    def rows(self, table: Any, *, start: int = 0) -> EmbeddingFile:
        """Cells as arrays.

        Parameters
        ----------
        table : Table or RecordBatch
            With the columns `wanted` at least.
        start : int
            The number of its first row in messages.

        Raises
        ------
        ValueError
            When values are missing or vectors differ in length; names column and row.
        """
        cells = {
            name: table.column(table.schema.get_field_index(name))
            for name in self.wanted
        }
        parts = [
            arrow_vectors(cells[name], f"{self.source}: {name!r}", start=start)
            if self.kind == "vectors"
            else _numbers(self.source, name, cells[name])
            for name in self.names
        ]
        if self.kind == "vectors":
            values = as_layers(self.source, self.names, parts)
        else:
            values = np.stack(parts, axis=1)
        return EmbeddingFile(
            values,
            None if self.ids is None else np.array(cells[self.ids].to_pylist()),
            self.names,
            self.left_out,
            None
            if self.labels is None
            else np.array(cells[self.labels].to_pylist(), object),
        )


def _check_spelled(
    types: Mapping[str, Any],
    columns: Sequence[Column],
    source: str,
    read: Callable[[list[str]], Any],
) -> None:
    from pyarrow import types as kinds  # type: ignore[import-untyped]

    if any(each.kind in ("vectors", "lists") for each in columns):
        return
    names = [
        each.name
        for each in columns
        if kinds.is_string(types[each.name]) or kinds.is_large_string(types[each.name])
    ]
    if not names:
        return
    table = read(names)
    for name in names:
        cells = table.column(table.schema.get_field_index(name)).to_pylist()
        first = next((each for each in cells if each), "")
        if _SPELLED.match(first):
            raise ValueError(
                f"{source}: column {name!r} spells vectors as text, as "
                f"{first!r:.40}: write it as a list of numbers in each row "
                "(Parquet), or choose another by column (--column NAME)"
            )


def _index_columns(schema: Any) -> set[str]:
    """Columns that pandas wrote for its index; a range is no column."""
    columns = (schema.pandas_metadata or {}).get("index_columns", ())
    return {name for name in columns if isinstance(name, str)}


def _numbers(source: str, name: str, column: Any) -> npt.NDArray[Any]:
    if column.null_count:
        raise ValueError(
            f"{source}: {name!r} has {counted(column.null_count, 'missing value')}"
        )
    return np.asarray(column)
