"""States of a model over a data set, one batch at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, check_word, nearest
from vaccine_swift.batches import IGNORED_LABEL, Batch, Example
from vaccine_swift.drift.groups import group_masks
from vaccine_swift.models.inference import layer_indices
from vaccine_swift.models.pooling import check_pool, pooled_sequences

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM

__all__ = ["Capture", "Groups", "Ids", "Probe", "check_what"]

Ids = str | Sequence[int] | Sequence[str]
Groups = str | Mapping[str, Sequence[bool] | npt.NDArray[np.bool_]] | Sequence[str]

_STATES: Final = ("attention", "residual", "mlp")
_ID_COLUMN: Final = "id"
_READERS: Final = (
    "vaccine_swift.data.load makes them of rows, load_prompts of requests alone"
)


def check_what(what: str) -> None:
    """Refuse what is no state of a layer.

    Raises
    ------
    ValueError
        Names the nearest.
    """
    check_word("what", what, _STATES, quoted=True)


@dataclass(frozen=True, slots=True)
class Capture:
    """What is read of a model.

    Parameters
    ----------
    what : {"attention", "residual", "mlp"}
        As in `CausalLM.hidden_states`.
    pool : {"tokens", "last", "mean", "response"}
        Likewise.
    layers : "all" or sequence of int
        Likewise.
    """

    what: str = "attention"
    pool: str = "tokens"
    layers: Any = "all"

    def __post_init__(self) -> None:
        check_pool(self.pool)
        check_what(self.what)

    def states(self, model: CausalLM, batch: Batch) -> npt.NDArray[np.float32]:
        """Float32 [layers, R, C] of a batch."""
        return model.hidden_states(
            batch,
            what=self.what,  # type: ignore[arg-type]
            pool=self.pool,  # type: ignore[arg-type]
            layers=self.layers,
        )

    def size(self, model: CausalLM) -> tuple[int, int]:
        """Number of layers and width of what is read of the model."""
        fields = model.core.configuration
        layers = layer_indices(self.layers, fields["layer_count"])
        return len(layers), fields["hidden_size"]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """The prompts that are measured: examples, their ids and groups.

    Build it with `of`.
    """

    examples: tuple[Example, ...]
    ids: npt.NDArray[Any]
    groups: dict[str, npt.NDArray[np.bool_]]
    batch_size: int

    @classmethod
    def of(
        cls,
        dataset: Sequence[Example],
        *,
        ids: Ids | None,
        groups: Groups | None,
        pool: str,
        batch_size: int,
    ) -> Probe:
        """Check and collect.

        Raises
        ------
        TypeError, ValueError
            When the data set is empty or holds something else than examples, ids are
            not one for each example or not distinct, a column is missing, a group's
            mask has another length, or `pool` is "response" and an example supervises
            nothing.
        """
        check_range("batch_size", batch_size, minimum=1, integer=True)
        if isinstance(dataset, str | os.PathLike):
            raise TypeError(f"dataset must be examples, got {dataset!r}: {_READERS}")
        examples = tuple(dataset)
        if not examples:
            raise ValueError("dataset must hold at least one Example, got none")
        for index, example in enumerate(examples):
            if not isinstance(example, Example):
                kind = type(example).__name__
                raise TypeError(
                    f"dataset[{index}] must be an Example, got {kind}: {_READERS}"
                )
            if pool == "response" and (example.labels == IGNORED_LABEL).all():
                raise ValueError(
                    'pool="response" needs supervised tokens, '
                    f"dataset[{index}] has none"
                )
        return cls(
            examples,
            _ids(ids, dataset, len(examples)),
            _groups(groups, dataset, len(examples)),
            batch_size,
        )

    def batches(self) -> Iterator[tuple[Batch, npt.NDArray[np.int64]]]:
        """Batches in the order of the examples, and each one's example indices."""
        for start in range(0, len(self.examples), self.batch_size):
            chosen = np.arange(start, min(start + self.batch_size, len(self.examples)))
            yield Batch.pack([self.examples[index] for index in chosen]), chosen

    def rows(
        self, batch: Batch, chosen: npt.NDArray[np.int64], pool: str
    ) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[np.bool_]] | None]:
        """Id and groups of every pooled row of a batch."""
        example = chosen[pooled_sequences(batch, pool)]
        groups = {name: mask[example] for name, mask in self.groups.items()}
        return self.ids[example], groups or None


def _ids(ids: Ids | None, dataset: Any, count: int) -> npt.NDArray[Any]:
    if ids is None:
        rows = getattr(dataset, "rows", None)
        if not rows or not all(_ID_COLUMN in row for row in rows):
            return np.arange(count)
        ids = _ID_COLUMN
    given = _column("ids", ids, dataset) if isinstance(ids, str) else list(ids)
    if len(given) != count:
        raise ValueError(
            f"ids must have one entry per example, {count}, got {len(given)}"
        )
    for index, each in enumerate(given):
        if isinstance(each, bool) or not isinstance(each, str | int | np.integer):
            raise TypeError(f"ids[{index}] must be an int or a str, got {each!r}")
    if len({type(each) is str for each in given}) > 1:
        raise TypeError("ids must be all int or all str, got both")
    first: dict[Any, int] = {}
    for index, each in enumerate(given):
        if first.setdefault(each, index) != index:
            raise ValueError(
                f"ids must be distinct, {each!r} stands at {first[each]} and {index}"
            )
    return np.array(given)


def _groups(
    groups: Groups | None, dataset: Any, count: int
) -> dict[str, npt.NDArray[np.bool_]]:
    if groups is None:
        return {}
    if isinstance(groups, str):
        groups = [str(each) for each in _column("groups", groups, dataset)]
    masks = {}
    for name, mask in group_masks(groups, count).items():
        array = np.asarray(mask)
        if array.dtype != np.bool_ or array.shape != (count,):
            raise ValueError(
                f"groups[{name!r}] must be bool of shape ({count},), "
                f"got {array.dtype} of shape {array.shape}"
            )
        masks[str(name)] = array
    return masks


def _column(name: str, column: str, dataset: Any) -> list[Any]:
    """What the source has in a column, else what `Dataset.rows` makes of it."""
    rows = getattr(dataset, "rows", ())
    if sources := getattr(dataset, "source_rows", ()):
        rows = [made | source for made, source in zip(rows, sources, strict=True)]
    if not rows:
        raise ValueError(
            f"{name}={column!r} needs a Dataset with rows (vaccine_swift.data.load)"
        )
    for index, row in enumerate(rows):
        if column not in row:
            raise ValueError(
                f"{name}={column!r}: row {index} has no such column."
                f"{nearest(column, row)}"
            )
    return [row[column] for row in rows]
