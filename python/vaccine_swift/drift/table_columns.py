"""Which columns of a table are embedding, ids and labels; cells as arrays."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    texts : tuple of str
        Those left out that hold text.
    """

    source: str
    names: tuple[str, ...]
    kind: str
    ids: str | None
    labels: str | None
    left_out: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(
        cls,
        schema: Any,
        source: str,
        asked: Asked,
    ) -> TableColumns:
        """Choose among the columns of a schema.

        Raises
        ------
        ValueError
            When two columns have one name, one is missing, or more than one choice is
            left.
        """
        from pyarrow import types as kinds  # type: ignore[import-untyped]

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
        chosen = chosen_columns(described, asked.column, source)
        check_labels(source, names, labels)
        words = (kinds.is_string, kinds.is_large_string)
        kept = {*chosen.names, ids, labels}
        return cls(
            source,
            chosen.names,
            chosen.kind,
            ids,
            labels,
            tuple(name for name in names if name not in kept),
            tuple(
                name
                for name in chosen.left_out
                if any(test(types[name]) for test in words)
            ),
        )

    @property
    def wanted(self) -> list[str]:
        """All columns that are read."""
        read = {*self.names, self.ids, self.labels} - {None}
        return sorted(map(str, read))

    def check_spelled(self, read: Callable[[list[str]], Any]) -> None:
        """Refuse numbers beside a text column that spells vectors, as "[0.1, 0.2]".

        Parameters
        ----------
        read : callable
            Gives a table or a batch of the columns named.

        Raises
        ------
        ValueError
            When one does, unless the embedding is vectors.
        """
        if self.kind != "numbers" or not self.texts:
            return
        table = read(list(self.texts))
        for name in self.texts:
            cells = table.column(table.schema.get_field_index(name)).to_pylist()
            first = next((each for each in cells if each), "")
            if _SPELLED.match(first):
                raise ValueError(
                    f"{self.source}: column {name!r} spells vectors as text, as "
                    f"{first!r:.40}: write it as a list of numbers in each row "
                    "(Parquet), or choose another by column (--column NAME)"
                )

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
