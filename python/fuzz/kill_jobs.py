"""The kinds of work that are killed: training, studies, saving, ranks of one job."""

from __future__ import annotations

import json
import multiprocessing
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import study_support
import training_support
from drift_accumulators import LAYERS, WIDTH
from pipe_ranks import PipeRank

import vaccine_swift as vs
from fuzz.killed import forked
from vaccine_swift import drift, study
from vaccine_swift.training.checkpoint import Checkpoint

__all__ = ["JOBS", "Job"]


class Job(ABC):
    """Work in a folder, which goes on where it was."""

    name: ClassVar[str]

    def start(self, folder: Path, errors: Path) -> list[int]:
        """Children that do the work; those of a killed one end by themselves."""
        return [forked(lambda: self.work(folder), errors)]

    def work(self, folder: Path) -> None:
        """All of it, from wherever it was."""
        raise NotImplementedError

    @abstractmethod
    def look(self, whole: Path, broken: Path) -> None:
        """Read what is there after a kill; in a child."""

    @abstractmethod
    def compare(self, whole: Path, broken: Path) -> None:
        """Both came to their end: nothing may differ."""


def _same_files(whole: Path, broken: Path, *names: str) -> None:
    for name in names:
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name
    inside = [{each.name for each in folder.iterdir()} for folder in (whole, broken)]
    assert inside[0] == inside[1]


class _Tell(vs.TrainerCallback):
    """Leaves the number of the last checkpoint that was written."""

    def __init__(self, told: Path) -> None:
        self.told = told

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.told.write_text(str(state.global_step))


class Training(Job):
    """Twenty steps, a checkpoint after each, two of which are kept."""

    name = "training"
    steps = 20

    def work(self, folder: Path) -> None:
        self.trainer(folder, [_Tell(folder.with_suffix(".told"))]).train(
            resume_from_checkpoint=any(folder.glob("checkpoint-*"))
        )

    def trainer(self, folder: Path, callbacks: list[Any], **more: Any) -> vs.Trainer:
        """The same in every child."""
        return training_support.trainer(
            folder,
            model=training_support.tiny_model(dropout=0.1),
            data=training_support.examples(11),
            evaluation=training_support.examples(3, seed=1),
            callbacks=callbacks,
            max_steps=self.steps,
            lr_scheduler_type="cosine",
            logging_steps=3,
            eval_strategy="epoch",
            save_strategy="steps",
            save_steps=1,
            save_total_limit=2,
            report_to="jsonl",
            **more,
        )

    def look(self, whole: Path, broken: Path) -> None:
        found = [int(each.name.split("-")[1]) for each in broken.glob("checkpoint-*")]
        told = broken.with_suffix(".told")
        if told.exists() and (text := told.read_text()):
            assert max(found) >= int(text), "a checkpoint is lost"
        for step in found:
            Checkpoint.read(broken / f"checkpoint-{step}")

    def compare(self, whole: Path, broken: Path) -> None:
        last = f"checkpoint-{self.steps}"
        broken.with_suffix(".told").unlink(missing_ok=True)
        names = ("adapter_model.safetensors", "optimizer.safetensors")
        _same_files(whole, broken, *(f"{last}/{name}" for name in names))
        assert self.history(whole) == self.history(broken)

    def history(self, folder: Path) -> Any:
        """The log, without the clock."""
        state = json.loads((folder / "trainer_state.json").read_text())
        return training_support.without_times(state["log_history"])


class Ranks(Training):
    """The same by three processes, of which one at random is killed."""

    name = "ranks"
    size = 3

    def start(self, folder: Path, errors: Path) -> list[int]:
        pipes = {rank: multiprocessing.Pipe() for rank in range(1, self.size)}
        ends = {0: {rank: first for rank, (first, _) in pipes.items()}}
        ends |= {rank: {0: second} for rank, (_, second) in pipes.items()}

        def rank(number: int) -> None:
            for other, own in ends.items():
                if other != number:
                    for pipe in own.values():
                        pipe.close()
            collective = PipeRank(number, self.size, ends[number])
            tell = [_Tell(folder.with_suffix(".told"))] if number == 0 else []
            self.trainer(folder, tell, collective=collective).train(
                resume_from_checkpoint=any(folder.glob("checkpoint-*"))
            )

        children = [
            forked(lambda number=number: rank(number), errors)
            for number in range(self.size)
        ]
        for own in ends.values():
            for pipe in own.values():
                pipe.close()
        return children


class Study(Job):
    """Two methods on one cell, seven stages."""

    name = "study"

    def work(self, folder: Path) -> None:
        model = folder.parent / "model"
        if not model.exists():
            study_support.write_study_model(model)
        config = study_support.tiny_study(model, align_steps=1, attack_steps=1)
        study.run(config, folder, progress=False)

    def look(self, whole: Path, broken: Path) -> None:
        if (broken / "study.json").exists():
            study.study_status(broken)
        if (broken / "results.jsonl").exists():
            rows = study.StudyResult.load(broken).rows
            assert 0 < len(rows) <= len(study.StudyResult.load(whole).rows)

    def compare(self, whole: Path, broken: Path) -> None:
        rows = [study.StudyResult.load(each).rows for each in (whole, broken)]
        assert study_support.without_clock(rows[0]) == study_support.without_clock(
            rows[1]
        )
        stages = [{s.name for s in (f / "stages").iterdir()} for f in (whole, broken)]
        assert stages[0] == stages[1]
        for stage in stages[0]:
            name = f"stages/{stage}/adapter_model.safetensors"
            if (whole / name).exists():
                assert (whole / name).read_bytes() == (broken / name).read_bytes()
        _same_files(whole, broken)


class Drift(Job):
    """An accumulator that is saved over its own file after each of 40 updates."""

    name = "drift"
    updates = 40

    def work(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        file = folder / "state.npz"
        if file.exists():
            accumulator = drift.load(file)
        else:
            accumulator = drift.Accumulator(width=WIDTH, layers=LAYERS)
        for number in range(_updates(accumulator), self.updates):
            rng = np.random.default_rng(number)
            rows = rng.normal(size=(LAYERS, 3, WIDTH))
            accumulator.update(rows, rows + 0.1, ids=[number] * 3)
            accumulator.save(file)
            folder.with_suffix(".told").write_text(str(number + 1))
        accumulator.save(file)  # clears what a kill after the last one left

    def look(self, whole: Path, broken: Path) -> None:
        told, file = broken.with_suffix(".told"), broken / "state.npz"
        text = told.read_text() if told.exists() else ""
        if file.exists() or text:
            assert _updates(drift.load(file)) >= int(text or 0), "an update is lost"

    def compare(self, whole: Path, broken: Path) -> None:
        broken.with_suffix(".told").unlink(missing_ok=True)
        _same_files(whole, broken, "state.npz")


def _updates(accumulator: drift.Accumulator) -> int:
    return len(accumulator._state.ids)


class Adapter(Job):
    """Two adapters by turns over one folder, which always is one of them."""

    name = "adapter"
    saves = 30

    def work(self, folder: Path) -> None:
        for number in range(self.saves):
            self.model(number % 2).save_adapter(folder)

    def model(self, seed: int) -> vs.CausalLM:
        """With an adapter of a rank and weights of its own."""
        model = vs.CausalLM.from_config(training_support.CONFIG, seed=0)
        model.add_adapter(vs.LoRAConfig(r=2 + seed, lora_alpha=4), seed=seed)
        return model

    def look(self, whole: Path, broken: Path) -> None:
        if not broken.exists():
            return
        found = vs.CausalLM.from_config(training_support.CONFIG, seed=0)
        found.load_adapter(broken)
        state = training_support.adapter_bytes(found)
        known = [training_support.adapter_bytes(self.model(seed)) for seed in (0, 1)]
        assert state in known, "the adapter is mixed"

    def compare(self, whole: Path, broken: Path) -> None:
        _same_files(whole, broken, "adapter_model.safetensors", "adapter_config.json")


JOBS = {job.name: job() for job in (Training, Ranks, Study, Drift, Adapter)}
