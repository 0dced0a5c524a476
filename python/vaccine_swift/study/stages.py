"""The stages of a trial: align, evaluate, attack, evaluate again, measure drift."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift import drift
from vaccine_swift.methods import SFT, method_class
from vaccine_swift.study.alignment import alignment_method
from vaccine_swift.study.arms import method_source
from vaccine_swift.study.base_model import Adapted
from vaccine_swift.study.config import SETTINGS, named_judge
from vaccine_swift.study.estimate import estimated_seconds
from vaccine_swift.study.evaluation.profiles import find_profile
from vaccine_swift.study.measuring import (
    drift_curve,
    drift_numbers,
    measured,
    probe_states,
)
from vaccine_swift.study.store import Stage, Store, digest
from vaccine_swift.study.training import examples, train

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vaccine_swift.methods import Method
    from vaccine_swift.models import CausalLM
    from vaccine_swift.study.grid import Trial
    from vaccine_swift.study.inputs import Inputs
    from vaccine_swift.study.setting import StageName

__all__ = ["Workshop"]

# Of a row that is asked, of one whose states are read, and of one that is trained on
# plainly and without dropout, so that rows share their beginning; in trained rows.
_ASKED_COST: Final = 0.55
_STATES_COST: Final = 0.3
_SHARING_COST: Final = 0.65

Report = Callable[[float], None]


class Workshop:
    """Makes the stages of cells, and models from what stages left.

    Parameters
    ----------
    inputs : Inputs
        The model's files and all rows.
    store : Store
        Where the adapters of finished stages lie.
    """

    def __init__(self, inputs: Inputs, store: Store) -> None:
        self._inputs = inputs
        self._store = store
        # Of the last attack: what its stage of drift measures.
        self._end_of_curve: dict[str, drift.Accumulator] = {}

    def stages(self, trial: Trial) -> dict[str, Stage]:
        """The stages of a trial in the order of work.

        Returns
        -------
        dict
            "align" (unless unaligned), "before", "attack", "after", "drift". Work that
            two cells share has the same key.
        """
        align = self._align(trial) if trial.aligned else None
        attack = self._attack(trial, align)
        stages = {
            "before": self._evaluate(trial, align, None),
            "attack": attack,
            "after": self._evaluate(trial, align, attack),
            "drift": self._drift(trial, align, attack),
        }
        return stages if align is None else {"align": align} | stages

    def model(self, trial: Trial, *, attacked: bool) -> CausalLM:
        """A trial's model before or after the attack, which the caller keeps.

        Raises
        ------
        FileNotFoundError
            When the stage is not done.
        """
        stages = self.stages(trial)
        attack = stages["attack"] if attacked else None
        adapted = self._adapted(trial, stages.get("align"), attack)
        return self._inputs.base.model(trial.settings, adapted)

    def expected_seconds(self, trial: Trial, stages: Iterable[Stage]) -> float:
        """Time that stages will take here, by a step on some of a trial's rows."""
        rows = self._inputs.alignment(trial) or self._inputs.attack(trial)
        batch = rows[: trial.settings["align_batch"]]
        with self._lent(trial) as model:
            return estimated_seconds(stages, model, batch, trial)

    def _align(self, trial: Trial) -> Stage:
        rows = self._inputs.alignment(trial)
        known = method_class(trial.method)
        streams = {name: self._inputs.stream(trial, name) for name in known.streams}

        def work(directory: Path, report: Report) -> dict[str, Any]:
            pools = self._inputs.alignment_pools(trial)
            with self._lent(trial) as model:
                method = alignment_method(trial, model, pools)
                result = train(
                    *(model, rows, trial, "align", directory),
                    method=method,
                    report=report,
                    streams=streams,
                )
            return result | {"variance": getattr(method, "variance", None)}

        key = self._training(trial, "align", rows) | trial.arm
        if source := method_source(trial.method):
            key["source"] = source
        if streams:
            key["streams"] = {name: digest(each) for name, each in streams.items()}
        cost = _steps_cost(trial, "align", known)
        return Stage("align", key, cost, work)

    def _attack(self, trial: Trial, align: Stage | None) -> Stage:
        rows = self._inputs.attack(trial)

        def work(directory: Path, report: Report) -> dict[str, Any]:
            with self._lent(trial, align) as model:
                monitor = drift.Monitor(
                    examples(self._inputs.probe(trial), model, trial),
                    every=trial.settings["drift_every"],
                    groups="kind",
                )
                result = train(
                    *(model, rows, trial, "attack", directory),
                    method=SFT(),
                    report=report,
                    callbacks=[monitor],
                )
            if monitor.accumulator is not None:
                self._end_of_curve = {stage.folder: monitor.accumulator}
            return result | {"drift_curve": drift_curve(monitor)}

        key = self._training(trial, "attack", rows) | {
            "align": align and align.folder,
            "lora": "double" if align is None else trial.settings["lora"],
            "curve": [trial.settings["drift_every"], digest(self._inputs.probe(trial))],
        }
        points = 1 + math.ceil(
            trial.settings["attack_steps"] / trial.settings["drift_every"]
        )
        states = _STATES_COST * points * len(self._inputs.probe(trial))
        cost = _steps_cost(trial, "attack", SFT) + states
        stage = Stage("attack", key, cost, work, _folders(align))
        return stage

    def _evaluate(
        self, trial: Trial, align: Stage | None, attack: Stage | None
    ) -> Stage:
        task = self._inputs.task(trial)
        rows = self._inputs.evaluated(trial)

        def work(directory: Path, report: Report) -> dict[str, Any]:
            with self._lent(trial, align, attack) as model:
                return measured(model, task, rows, trial)

        key = self._trained(trial, align, attack) | {
            "settings": _key_settings(trial, "evaluate"),
            "judge": _identity_of_judge(trial),
            "data": digest([rows, task.name, task.test, task.labels]),
        }
        after = _folders(align, attack)
        cost = _ASKED_COST * _asked_rows(
            trial, [*map(len, rows.values()), len(task.test)]
        )
        return Stage("evaluate", key, cost, work, after)

    def _drift(self, trial: Trial, align: Stage | None, attack: Stage) -> Stage:
        rows = self._inputs.probe(trial)
        precision = self._inputs.environment(trial)["dtype"]

        def work(directory: Path, report: Report) -> dict[str, Any]:
            moved = self._end_of_curve.pop(attack.folder, None)
            if moved is None:
                with self._lent(trial, align) as aligned:
                    states = probe_states(aligned, examples(rows, aligned, trial))
                with self._lent(trial, align, attack) as attacked:
                    moved = states.compared(attacked)
            return drift_numbers(moved, rounded=precision == "bfloat16")

        key = self._trained(trial, align, attack) | {
            **_key_settings(trial, "drift"),
            "data": digest(rows),
        }
        cost = _STATES_COST * len(rows)  # as a rule they need not be read again
        return Stage("drift", key, cost, work, _folders(align, attack))

    def _lent(
        self, trial: Trial, align: Stage | None = None, attack: Stage | None = None
    ) -> AbstractContextManager[CausalLM]:
        """The model with what the stages trained, for a while."""
        adapted = self._adapted(trial, align, attack)
        return self._inputs.base.lent(trial.settings, adapted)

    def _adapted(
        self, trial: Trial, align: Stage | None, attack: Stage | None
    ) -> Adapted:
        """The adapters of a model that the stages trained.

        Two: the alignment's is part of the model. One: the attack's is the
        alignment's, gone on with.
        """
        if align is None or trial.settings["lora"] != "double":
            align, attack = None, attack or align
        below, above = (
            None if stage is None else self._store.path(stage)
            for stage in (align, attack)
        )
        return Adapted(below, above)

    def _training(self, trial: Trial, part: StageName, rows: Any) -> dict[str, Any]:
        """What determines a training, apart from what it starts from."""
        return {
            "environment": self._inputs.environment(trial),
            "seed": trial.seed,
            "settings": _key_settings(trial, part),
            "data": digest(rows),
        }

    def _trained(
        self, trial: Trial, align: Stage | None, attack: Stage | None
    ) -> dict[str, Any]:
        """What determines a model."""
        return {
            "environment": self._inputs.environment(trial),
            "align": align and align.folder,
            "attack": attack and attack.folder,
            "lora": trial.settings["lora"] if align else None,
        }


def _folders(*stages: Stage | None) -> tuple[str, ...]:
    return tuple(stage.folder for stage in stages if stage)


def _key_settings(trial: Trial, stage: StageName) -> dict[str, Any]:
    """The settings whose values stand in the key of a stage."""
    return {
        name: value
        for name, value in trial.settings.items()
        if stage in SETTINGS[name].key
    }


def _steps_cost(trial: Trial, part: str, method: type[Method]) -> float:
    shares = method is SFT and not trial.settings["dropout"]
    row = _SHARING_COST if shares else method.passes
    rows = trial.settings[f"{part}_steps"] * trial.settings[f"{part}_batch"]
    return float(rows * row)


def _asked_rows(trial: Trial, there: Sequence[int]) -> int:
    """Rows of each kind that are evaluated, those of the task last, together."""
    profile = find_profile(trial.settings["profile"])
    own = [profile.prompts] * (len(there) - 1) + [profile.task_rows]
    limit = trial.settings["limit"]
    return sum(min(limit or most, have) for most, have in zip(own, there, strict=True))


def _identity_of_judge(trial: Trial) -> list[str]:
    """Name, and for a function of one's own what it says."""
    judge = trial.settings["judge"]
    name = named_judge(trial.settings)["judge"]
    if not callable(judge):
        return [name]
    try:
        return [
            name,
            inspect.getsource(judge if inspect.isroutine(judge) else type(judge)),
        ]
    except (OSError, TypeError):
        return [name]
