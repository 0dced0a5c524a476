"""The state of a paired drift measurement, which merges exactly."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from vaccine_swift.drift.accumulator_report import AccumulatorReport
from vaccine_swift.drift.accumulator_settings import Tier, new_state
from vaccine_swift.drift.updates import checked_update, read_part
from vaccine_swift.drift.watch import Progress

__all__ = ["Accumulator", "Tier", "load"]


class Accumulator(AccumulatorReport):
    """Collects how far a current model's states are from a reference's, row by row.

    The unit is the prompt: rows with one id belong to one prompt, and intervals and
    tests resample prompts. Parts of the data can be measured anywhere and merged: the
    result is that of all data at once (prompt by prompt to the last bit; moments to
    1e-12), in any order, for any number of threads.

    Parameters
    ----------
    width : int
        Columns d of a row, 1 to 32768.
    layers : int
        L, 1 to 32768.
    tier : {"light", "sketch", "full"}
        What is kept beside the prompt table. "light": first moments and variances,
        O(d) a layer. "sketch": also second moments of `sketch` seeded projections.
        "full": second moments of the whole width, 24·d² bytes a layer and fold.
    seed : int
        Of sketches and projections; parts merge only with one seed.
    directions : int
        Components r of each prompt's sketched mean states, a multiple of 8; the tests
        are exact at any r and lose no power where r ≥ d.
    sketch : int
        Projections of the tier "sketch".
    folds : int
        Groups of prompts for jackknife intervals, at least 2; moments are kept for
        each.
    energy : mapping of str to array, optional
        Named directions [d] or [k, d] of which the share of the drift is reported, as
        ``energy_<name>``; tier "full" only.
    metadata : mapping, optional
        Kept with the report: what the sides are, the dtype, the pooling.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range; names it.

    Notes
    -----
    Threads take turns. A call in the midst of another one of the same thread, as from a
    signal handler, raises RuntimeError, and so does one in a child that was forked
    while another thread had its turn.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> reference = rng.normal(size=(40, 8))
    >>> acc = Accumulator(width=8)
    >>> acc.update(reference, reference + 0.1, ids=range(40))
    >>> round(acc.report(tests=[]).to_dict()["layers"][0]["rms"]["value"], 12)
    0.1
    """

    def __init__(
        self,
        width: int,
        layers: int = 1,
        tier: Tier = "light",
        *,
        seed: int = 0,
        directions: int = 64,
        sketch: int = 128,
        folds: int = 10,
        energy: Mapping[str, npt.ArrayLike] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        state = new_state(
            width,
            layers,
            tier,
            seed=seed,
            directions=directions,
            sketch=sketch,
            folds=folds,
            energy=energy or {},
        )
        self._keep(state, dict(metadata or {}))

    def update(
        self,
        reference: npt.ArrayLike,
        current: npt.ArrayLike,
        *,
        ids: Iterable[str | int],
        groups: Mapping[str, npt.ArrayLike] | Iterable[str | int] | None = None,
    ) -> None:
        """Add rows; all or nothing.

        Parameters
        ----------
        reference, current : array [N, d] or [L, N, d]
            Rows of the same prompts through both models: float16, bfloat16, float32
            or float64. What numpy takes, torch tensors, objects with DLPack, columns
            of vectors (object Series, Arrow and Polars lists) and tables that hold
            nothing but the embedding.
        ids : sequence of N str or int
            The prompt of each row. A prompt's rows come in one update.
        groups : mapping of str to bool array [N], or sequence of N labels, optional
            Which rows are of a named group, or the group of each row (such as a
            Series); the same for all rows of a prompt.

        Raises
        ------
        TypeError
            For dtypes that are not real, ids that are neither str nor int.
        ValueError
            When shapes, counts or groups do not fit, elements are NaN or infinite
            (counted, the first located), or an id was seen in an earlier update.
        KeyboardInterrupt
            Nothing was added.
        """
        with self._turn:
            state = self._state
            state.add(*checked_update(state, reference, current, ids, groups))

    def extend(
        self,
        reference: Any,
        current: Any,
        *,
        ids: Any = None,
        groups: Any = None,
        column: str | Sequence[str] | None = None,
        memory: str | int = "256MB",
        progress: Progress = False,
    ) -> None:
        """Add rows that are read piece by piece, however many; all or nothing.

        Parameters
        ----------
        reference, current : path, stream or array
            Rows of the same prompts through both models, in one order. A file, or a
            folder of Parquet files; what has ``__arrow_c_stream__``, such as a
            `pyarrow.RecordBatchReader`; a data set of pyarrow; an iterator of arrays
            [n, d] or [L, n, d]; an array, of which a `numpy.memmap` stays in its file.
            Parquet is read row group by row group, ``.npy`` and Arrow files are mapped.
        ids : sequence of N str or int, or str, optional
            The prompt of each row, or the column that holds it; by default the column
            ``id`` or ``ids``. Where both sides have one, they are compared. Rows of a
            prompt follow each other.
        groups : mapping, sequence of N labels, or str, optional
            As of `update`, or the reference's column of labels.
        column : str or sequence of str, optional
            The embedding's columns of both sides, see `vaccine_swift.cli`'s
            ``--column``; by default the one column of lists of numbers.
        memory : str or int
            Bytes of both sides' rows, counted as float64, that are held at a time; a
            prompt's rows are held together. The table of prompts is beside it.
        progress : bool or callable
            True: a bar on standard error where that is a terminal. A callable gets
            ``("rows", done, total)``, `total` None where it is not known.

        Raises
        ------
        FileNotFoundError, ImportError
            When there is no such file, or pyarrow is needed for it.
        TypeError, ValueError
            As `update`; also when sides differ in length or in their ids, or there
            are no ids.
        KeyboardInterrupt
            Within a second, unless a source keeps it waiting; nothing was added.

        Examples
        --------
        >>> import numpy as np
        >>> pieces = np.random.default_rng(0).normal(size=(3, 40, 8))
        >>> acc = Accumulator(width=8)
        >>> acc.extend(iter(pieces), iter(pieces + 0.1), ids=range(120))
        >>> acc.prompts
        120
        """
        with self._turn:
            self._state.absorb(
                read_part(
                    self._state,
                    reference,
                    current,
                    ids=ids,
                    groups=groups,
                    column=column,
                    memory=memory,
                    progress=progress,
                )
            )

    def merge(self, other: Accumulator) -> Accumulator:
        """Both together; the parts stay as they are.

        Raises
        ------
        TypeError
            When `other` is no accumulator.
        ValueError
            When their settings differ, or a prompt is in both; names it.
        """
        if not isinstance(other, Accumulator):
            raise TypeError(f"other must be an Accumulator, got {type(other).__name__}")
        merged = copy.copy(self)
        with other._turn:
            merged._state.merge(other._state)
        merged.metadata = {**other.metadata, **self.metadata}
        return merged


def load(path: str | os.PathLike[str]) -> Accumulator:
    """Read an accumulator that `Accumulator.save` wrote.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is truncated, changed, or of another version.
    """
    return Accumulator.load(path)
