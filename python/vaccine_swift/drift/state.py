"""What an accumulator keeps: plain arrays, filled and merged by the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._plurals import counted
from vaccine_swift.drift.ids import grouped, keys_of
from vaccine_swift.drift.metrics import TABLE_METRICS

__all__ = ["State", "Update"]

_SETTINGS = ("width", "layers", "tier", "seed", "directions", "sketch", "folds")


@dataclass(frozen=True)
class Update:
    """The prompts of one update, in the order of their first rows.

    `owner` has each row's place among the prompts, `order` lists the rows prompt by
    prompt, `starts` where each prompt begins in it.
    """

    prompts: list[str | int]
    keys: npt.NDArray[np.uint64]
    owner: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    groups: dict[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, ids: Any, count: int, groups: Mapping[str, npt.ArrayLike]) -> Update:
        """Group the `count` rows by prompt.

        Raises
        ------
        TypeError, ValueError
            When ids are not one str or int for each row, or a group not one bool, the
            same within a prompt.
        """
        prompts, owner = grouped(ids, count)
        order = np.argsort(owner, kind="stable")
        counts = np.bincount(owner, minlength=len(prompts))
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        masks = {
            str(name): _mask(str(name), value, owner, order[starts[:-1]])
            for name, value in groups.items()
        }
        return cls(prompts, keys_of(prompts), owner, order, starts, masks)


def _mask(
    name: str,
    value: npt.ArrayLike,
    owner: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    mask = np.asarray(value)
    if mask.dtype != np.bool_:
        raise TypeError(f"groups[{name!r}] must hold bool, got dtype {mask.dtype}")
    if mask.shape != owner.shape:
        raise ValueError(
            f"groups[{name!r}] must have one element for each of "
            f"{counted(len(owner), 'row')}, got shape {list(mask.shape)}"
        )
    of_prompt = mask[first]
    if not np.array_equal(of_prompt[owner], mask):
        raise ValueError(f"groups[{name!r}] must be the same for all rows of a prompt")
    return of_prompt


@dataclass
class State:
    """Settings and sums. Tables are [P, …] in the order in which prompts came."""

    width: int
    layers: int
    tier: str
    seed: int
    directions: int
    sketch: int
    folds: int
    energy: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    rows: int = 0
    ids: list[str | int] = field(default_factory=list)
    keys: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    table: list[npt.NDArray[np.float64]] = field(default_factory=list)
    sketches: list[npt.NDArray[np.float32]] = field(default_factory=list)
    groups: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    booster: npt.NDArray[np.float64] = field(init=False)
    vector: npt.NDArray[np.float64] = field(init=False)
    paired: npt.NDArray[np.float64] = field(init=False)
    sums: int = field(init=False)
    _seen: dict[int, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size, _, self.sums = _core.drift_state_counts(self.width)
        self.booster = np.zeros(self.layers)
        self.vector = np.zeros((self.layers, self.folds, size))
        kept = 0
        if self.moment_width:
            kept = _core.drift_state_counts(self.moment_width)[1]
        self.paired = np.zeros((self.layers, self.folds, kept))

    @property
    def moment_width(self) -> int:
        """Width of the second moments; 0: none are kept."""
        sketch = min(self.sketch, self.width)
        return {"light": 0, "sketch": sketch, "full": self.width}[self.tier]

    @property
    def memory(self) -> int:
        """Bytes of all arrays."""
        arrays: list[npt.NDArray[Any]] = [
            *self.keys,
            *self.table,
            *self.sketches,
            *self.groups.values(),
            self.vector,
            self.paired,
        ]
        return sum(each.nbytes for each in arrays)

    def check_new(
        self, prompts: Sequence[str | int], keys: npt.NDArray[np.uint64]
    ) -> None:
        """Refuse prompts that are here already, or whose keys are."""
        given = keys.tolist()
        if not self._seen.keys().isdisjoint(given):
            key, prompt = next(
                pair
                for pair in zip(given, prompts, strict=True)
                if pair[0] in self._seen
            )
            same = self._seen[key] == prompt
            raise ValueError(
                f"ids must be new, but {prompt!r} "
                + ("was seen before" if same else "has the key of another id")
            )
        if len(set(given)) < len(given):
            raise ValueError("ids must have keys of their own, but two collide")

    def add(
        self,
        update: Update,
        reference: Sequence[npt.NDArray[Any]],
        current: Sequence[npt.NDArray[Any]],
    ) -> None:
        """Add an update's rows, after everything that can fail."""
        prompts, folds = len(update.prompts), self.folds
        table = np.empty((self.layers, prompts, self.sums))
        sketches = np.empty((self.layers, prompts, 2, self.directions), np.float32)
        vector = np.empty_like(self.vector)
        paired = np.empty_like(self.paired)
        for layer, (x, y) in enumerate(zip(reference, current, strict=True)):
            try:
                _core.drift_table(
                    x,
                    y,
                    update.order,
                    update.starts,
                    update.keys,
                    self.directions,
                    folds,
                    self.seed,
                    table[layer],
                    sketches[layer],
                    vector[layer],
                )
            except ValueError as error:
                where = f"layer {layer}: " if self.layers > 1 else ""
                raise ValueError(f"{where}{error}") from error
        if self.moment_width:
            # As many projections as columns would only turn the rows.
            sketch = self.moment_width % self.width
            keys = update.keys[update.owner]
            for layer, (x, y) in enumerate(zip(reference, current, strict=True)):
                _core.drift_paired(x, y, keys, folds, sketch, self.seed, paired[layer])
        part = self.like()
        part.rows = len(update.order)
        part.ids, part.keys = update.prompts, [update.keys]
        part.table = [np.ascontiguousarray(table.swapaxes(0, 1))]
        part.sketches = [np.ascontiguousarray(sketches.swapaxes(0, 1))]
        part.groups = update.groups
        part.booster = _norms(part.table[0], update.keys, self.width)
        part.vector, part.paired = vector, paired
        self.absorb(part)

    def merge(self, other: State) -> None:
        """Add all of another state.

        Raises
        ------
        ValueError
            When settings differ or a prompt is in both.
        """
        for name in _SETTINGS:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"other must have {name} {mine!r}, got {theirs!r}")
        same = self.energy.keys() == other.energy.keys() and all(
            np.array_equal(rows, other.energy[name])
            for name, rows in self.energy.items()
        )
        if not same:
            raise ValueError("other must have the same energy directions")
        self.check_new(other.ids, other.all_keys)
        self.absorb(other if self.ids else other.copy())

    def absorb(self, part: State) -> None:
        """Add a part, whose arrays become this state's where it is empty."""
        mine, theirs = len(self.ids), len(part.ids)
        self.groups = {
            name: np.concatenate(
                [
                    self.groups.get(name, np.zeros(mine, np.bool_)),
                    part.groups.get(name, np.zeros(theirs, np.bool_)),
                ]
            )
            for name in {**self.groups, **part.groups}
        }
        self._seen |= dict(zip(part.all_keys.tolist(), part.ids, strict=True))
        self.ids = [*self.ids, *part.ids]
        self.keys += part.keys
        self.table += part.table
        self.sketches += part.sketches
        self.rows += part.rows
        self.booster = self.booster + part.booster
        if not mine:
            self.vector, self.paired = part.vector, part.paired
            return
        count = self.layers * self.folds
        _core.drift_merge_vector(self.vector, part.vector, count, self.width)
        if self.moment_width:
            _core.drift_merge_paired(self.paired, part.paired, count, self.moment_width)

    def remember(self) -> None:
        """Know the prompts of tables that were put in place."""
        self._seen = dict(zip(self.all_keys.tolist(), self.ids, strict=True))

    @property
    def all_keys(self) -> npt.NDArray[np.uint64]:
        """Keys of all prompts, [P]."""
        return np.concatenate([np.zeros(0, np.uint64), *self.keys])

    def like(self) -> State:
        """An empty state of the same settings."""
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return State(**settings, energy=self.energy)

    def copy(self) -> State:
        """A state that shares nothing which changes."""
        other = self.like()
        other.rows, other.ids = self.rows, list(self.ids)
        other.keys, other.table = list(self.keys), list(self.table)
        other.sketches, other.groups = list(self.sketches), dict(self.groups)
        other.booster = self.booster.copy()
        other.vector, other.paired = self.vector.copy(), self.paired.copy()
        other._seen = dict(self._seen)
        return other


def _norms(
    table: npt.NDArray[np.float64], keys: npt.NDArray[np.uint64], width: int
) -> npt.NDArray[np.float64]:
    """√Σ|δ|² of each layer's rows, [L]."""
    layers = table.shape[1]
    values = np.empty((layers + 1, len(TABLE_METRICS), 4))
    _core.drift_table_metrics(table, keys, layers, width, 0, 0.5, 0, values)
    return values[:-1, TABLE_METRICS.index("hed_paper"), 0].copy()
