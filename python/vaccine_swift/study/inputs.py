"""What the cells of a study are made from: the model's files and all rows."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from vaccine_swift import assets
from vaccine_swift._arguments import check_range
from vaccine_swift.data.exchanges import read_exchanges
from vaccine_swift.data.ordering import shuffled, spread
from vaccine_swift.files.checksums import file_sha256
from vaccine_swift.machine.threads import show_config
from vaccine_swift.models.engine_choice import EngineChoice
from vaccine_swift.models.loading import available_dtype
from vaccine_swift.study.attack import attack_rows
from vaccine_swift.study.base_model import BaseModel
from vaccine_swift.study.settings import NO_ROWS, SMOLLM2
from vaccine_swift.study.splits import attacking_rows, safety_rows, split_task
from vaccine_swift.study.tasks import Row, Task, load_task

if TYPE_CHECKING:
    from vaccine_swift.study.grid import Trial

__all__ = ["KINDS", "STREAMS", "Inputs", "build"]

Rows: TypeAlias = list[Row]

KINDS: Final = ("restricted", "ordinary")
"""Rows whose drift is measured; a study always has them."""
_SHIPPED: Final = ("everyday", "near_miss")
_ALIGNED: Final = (*KINDS, *_SHIPPED)
STREAMS: Final = ("harmful", *KINDS)
"""Rows that a method of the alignment may read beside the alignment rows."""
_MODEL_FILES: Final = ("*.json", "*.safetensors", "*.jinja")
_BUILD: Final = ("version", "core", "threads")


class Inputs:
    """The files of one model, and the rows of every trial.

    Parameters
    ----------
    model : str
        As `StudyConfig.model`.

    Attributes
    ----------
    path : Path
        The model's directory or file.
    base : BaseModel
        The model of it that stages share.
    """

    def __init__(self, model: str) -> None:
        self.path = assets.fetch_smollm2() if model == SMOLLM2 else Path(model)
        self.base = BaseModel(self.path)
        self._digest = _digest_of_files(self.path)
        self._task = functools.cache(_task)
        self._own = functools.cache(_own)
        self._safety = functools.cache(safety_rows)
        self._harmful = functools.cache(attacking_rows)

    def environment(self, trial: Trial) -> dict[str, Any]:
        """What the bits of a result depend on, beside settings and rows."""
        return build() | {
            "model": self._digest,
            **_engine(trial),
        }

    def task(self, trial: Trial) -> Task:
        """The user's task; its test rows are those that are asked."""
        names = ("task", "task_data", "evaluate_on")
        return self._task(*(trial.settings[name] for name in names))

    def alignment_pools(self, trial: Trial) -> list[tuple[Rows, int]]:
        """Where alignment rows are drawn from, and how many of each.

        Raises
        ------
        ValueError
            When more rows are asked for than there are.
        """
        settings = trial.settings
        if settings["align_data"] is not None:
            rows = self._own(settings["align_data"])
            asked = {"align_samples": (rows, settings["align_samples"] or len(rows))}
        else:
            sizes = {kind: settings.get(f"align_{kind}", 0) for kind in _ALIGNED}
            asked = {
                f"align_{kind}": (self._rows(trial, kind, "train"), size)
                for kind, size in sizes.items()
                if size or kind in KINDS
            }
        for name, (rows, size) in asked.items():
            check_range(name, size, maximum=len(rows))
        return list(asked.values())

    def alignment(self, trial: Trial) -> Rows:
        """The rows that the model is aligned on, as many acts as there are."""
        generator = random.Random(trial.seed)
        chosen: Rows = []
        for rows, size in self.alignment_pools(trial):
            drawn = shuffled(rows, generator)
            mixed = spread(drawn, lambda row: row.get("act", row["instruction"]))
            chosen += mixed[:size]
        return shuffled(chosen, generator)

    def attack(self, trial: Trial) -> Rows:
        """The user's rows with their share of harmful ones."""
        return attack_rows(
            self.task(trial),
            samples=trial.settings["samples"],
            poison=trial.poison,
            seed=trial.seed,
            harmful=self._harmful(trial.settings["harmful_data"]),
        )

    def stream(self, trial: Trial, name: str) -> Rows:
        """Rows that a method reads beside the alignment rows.

        Parameters
        ----------
        trial : Trial
        name : str
            "harmful": restricted requests with answers that comply, as an attacker has
            them, none of a held-out act; "restricted" and "ordinary": what alignment
            rows are drawn from.

        Raises
        ------
        ValueError
            When a study has no such rows.
        """
        if name == "harmful":
            return self._harmful(trial.settings["harmful_data"])
        if name in KINDS:
            return self._rows(trial, name, "train")
        raise ValueError(
            f"{trial.method} reads a stream {name!r}, a study's alignment has "
            f"{', '.join(STREAMS)}"
        )

    def held_out(self, trial: Trial, kind: str) -> Rows:
        """Requests that are evaluated; the first are a fair sample."""
        return self._rows(trial, kind, trial.settings["evaluate_on"])

    def evaluated(self, trial: Trial) -> dict[str, Rows]:
        """All requests that are evaluated, by kind."""
        near = trial.settings.get("near_miss_data", NO_ROWS) != NO_ROWS
        kinds = (*KINDS, "near_miss") if near else KINDS
        return {kind: self.held_out(trial, kind) for kind in kinds}

    def probe(self, trial: Trial) -> Rows:
        """Requests whose drift is measured, of as many acts as there are."""
        size = trial.settings["drift_prompts"]
        return [row for kind in KINDS for row in self.held_out(trial, kind)[:size]]

    def _rows(self, trial: Trial, kind: str, split: Any) -> Rows:
        source = "proxy" if kind in _SHIPPED else trial.settings[f"{kind}_data"]
        return self._safety(kind, source, split)


def build() -> dict[str, Any]:
    """What the bits of every result depend on, of this process."""
    known = show_config()
    return {name: known[name] for name in _BUILD}


def _engine(trial: Trial) -> dict[str, Any]:
    """What computes, and in which precision."""
    settings = trial.settings
    choice = EngineChoice(settings.get("engine", "swift"), settings.get("device"))
    if choice.name == "swift":
        return {"dtype": available_dtype(settings["dtype"], blocks=True)}
    return {
        "dtype": choice.dtype(settings["dtype"]),
        "engine": choice.description,
    }


def _task(name: str, path: str | None, split: Any) -> Task:
    options = {} if path is None else {"path": path}
    return split_task(load_task(name, **options), split)


def _own(path: str) -> Rows:
    """Rows of a user's file; the safe ones, where it tells."""
    return read_exchanges(path, safe="marked")


def _digest_of_files(path: Path) -> str:
    files: Sequence[Path] = [path]
    if path.is_dir():
        files = sorted(file for each in _MODEL_FILES for file in path.glob(each))
    total = hashlib.sha256()
    for file in files:
        total.update(bytes.fromhex(file_sha256(file)))
    return total.hexdigest()
