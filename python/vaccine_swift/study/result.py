"""`StudyResult`: the rows of a study, summed up, compared and shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaccine_swift._plurals import counted
from vaccine_swift.files.reading import read_whole
from vaccine_swift.files.shapes import check_shape
from vaccine_swift.files.strict_json import parse_json
from vaccine_swift.study import report, statistics
from vaccine_swift.study.folder import RESULTS
from vaccine_swift.study.frames import dataframe
from vaccine_swift.study.grid import Trial
from vaccine_swift.study.inputs import Inputs
from vaccine_swift.study.row_shape import ROW
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from vaccine_swift.models import CausalLM

__all__ = ["StudyResult"]


@dataclass(frozen=True, repr=False)
class StudyResult:
    """What a study found: a row for each finished cell and seed.

    Parameters
    ----------
    rows : sequence of dict
        As `run` writes them to ``results.jsonl``.
    directory : Path, optional
        The study's folder, where reports go by default.
    """

    rows: Sequence[Mapping[str, Any]]
    directory: Path | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> StudyResult:
        """Read the results of a study's folder, or a ``results.jsonl`` file.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When a line is not JSON, or holds something else than a row; names it.
        """
        file = Path(path)
        if file.is_dir():
            file = file / RESULTS
        rows = []
        lines = read_whole(file).decode().replace("\r\n", "\n").split("\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            where = f"{file}, line {number}"
            try:
                row = parse_json(line)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            check_shape(row, ROW, where)
            rows.append(row)
        return cls(rows, file.parent)

    def summary(self) -> list[dict[str, Any]]:
        """Mean, interval and spread of every metric for each cell; see `statistics`."""
        return statistics.summary(self.rows)

    def differences(self, baseline: str = "sft") -> list[dict[str, Any]]:
        """Paired differences of every method from a baseline; see `statistics`."""
        return statistics.differences(self.rows, baseline=baseline)

    def to_dataframe(self, table: str = "scores") -> pd.DataFrame:
        """The numbers as a pandas table.

        Parameters
        ----------
        table : {"scores", "summary", "differences"}
            "scores": a row for each cell, seed, stage ("before", "after") and metric,
            and for each cell and seed its drift (stage "change"); the others as
            `summary` and `differences`.

        Returns
        -------
        pandas.DataFrame
            Columns of the cell (``method``, ``label``, ``rho``, ``poison``, …), then
            ``seed``, ``stage``, ``metric``, ``value``, ``unit`` and ``profile``.

        Raises
        ------
        ImportError
            Without pandas (``pip install 'vaccine-swift[drift]'``).
        ValueError
            When `table` is unknown.
        """
        return dataframe(self.rows, table)

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        examples: Mapping[str, Iterable[report.Example]] | None = None,
    ) -> Path:
        """Write the report, one page that needs no other file.

        Parameters
        ----------
        path : path, optional
            ``report.html`` in the study's folder by default.
        examples : mapping of str to iterable of Example, optional
            Answers to show, by the kind of request, as `report.write_html` takes them.

        Returns
        -------
        Path
            Where it is.
        """
        target = self._target("report.html") if path is None else Path(path)
        report.write_html(self.rows, target, examples=examples)
        return target

    def to_csv(self, directory: str | os.PathLike[str] | None = None) -> None:
        """Write ``summary.csv`` and ``differences.csv``, by default in the folder."""
        report.write_csv(
            self.rows, self._target("") if directory is None else Path(directory)
        )

    def to_figures(self, directory: str | os.PathLike[str] | None = None) -> None:
        """Write the report's pictures as PNG, by default in the folder.

        Raises
        ------
        ImportError
            Without matplotlib (``pip install 'vaccine-swift[plot]'``).
        """
        report.write_figures(
            self.rows, self._target("") if directory is None else Path(directory)
        )

    def model(self, row: Mapping[str, Any], *, attacked: bool) -> CausalLM:
        """The model of a row, before or after the attack, as its stages left it.

        Parameters
        ----------
        row : dict
            One of `rows`.
        attacked : bool
            After the attack, or before.

        Raises
        ------
        FileNotFoundError
            When the study's folder has no such stage: the model's file, the number of
            threads or the build is another one.
        """
        trial = Trial.of_row(row)
        inputs = Inputs(trial.settings["model"])
        return Workshop(inputs, Store(self._target(""))).model(trial, attacked=attacked)

    def __repr__(self) -> str:
        methods = dict.fromkeys(row["label"] for row in self.rows)
        seeds = {row["seed"] for row in self.rows}
        return (
            f"StudyResult({counted(len(self.rows), 'row')}, "
            f"{counted(len(seeds), 'seed')}, {', '.join(methods)})"
        )

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the answer, three charts and the table."""
        return report.fragment(self.rows) if self.rows else None

    def _target(self, name: str) -> Path:
        if self.directory is None:
            raise ValueError("a path must be given where the study has no directory")
        return self.directory / name
