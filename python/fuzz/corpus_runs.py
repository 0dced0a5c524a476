"""Small checkpoints, accumulators, reports and studies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import study_support
import training_support
from drift_accumulators import filled

import vaccine_swift as vs
from fuzz.kinds import Kind
from vaccine_swift import drift, study
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.files.leases import Leases, members
from vaccine_swift.study.folder import SHARED
from vaccine_swift.study.inputs import build
from vaccine_swift.study.result import StudyResult
from vaccine_swift.study.sharing import PLAN
from vaccine_swift.training.checkpoint import Checkpoint

__all__ = ["run_kinds"]


def run_kinds(directory: Path) -> list[Kind]:
    """Write them below a directory."""
    return [*_training(directory), *_reports(directory), *_study(directory)]


def _training(directory: Path) -> list[Kind]:
    run = directory / "run"
    training_support.trainer(
        run, save_strategy="steps", save_steps=3, max_steps=3
    ).train()
    sealed = run / "checkpoint-3"
    earlier = directory / "earlier"
    shutil.copytree(sealed, earlier, dirs_exist_ok=True)
    _unsealed(earlier)
    streamed = directory / "streamed"
    _streaming(streamed, save_strategy="steps", save_steps=2, max_steps=2).train()
    drawn = _unsealed(streamed / "checkpoint-2")
    return [
        Kind("checkpoint", sealed, _restore),
        Kind("earlier checkpoint", earlier, _restore),
        Kind("resumed checkpoint", earlier, _resume),
        Kind("checkpoint of streams", drawn, _resume_streams),
    ]


def _unsealed(checkpoint: Path) -> Path:
    """As it was before checkpoints had checksums."""
    (checkpoint / "SHA256SUMS").unlink()
    file = checkpoint / "training_args.json"
    content = json.loads(file.read_text())
    content.pop("id", None)
    file.write_text(json.dumps(content))
    return checkpoint


def _streaming(out: Path, **arguments: Any) -> vs.Trainer:
    """A method that draws from a stream of its own."""
    examples = training_support.examples(6, seed=2)
    method = vs.methods.Booster()
    return training_support.trainer(
        out, method=method, streams={"harmful": examples}, **arguments
    )


def _resume_streams(path: Path) -> None:
    _streaming(path.parent / "out", max_steps=3).train(resume_from_checkpoint=str(path))


def _restore(path: Path) -> None:
    trainer = training_support.trainer(path.parent / "out")
    optimiser = _optimiser(trainer)
    Checkpoint.read(path).restore(trainer.model, optimiser)
    optimiser.learning_rate = 1e-3
    ids = np.arange(3)
    trainer.model.core.forward_backward(ids, ids, [0, 3])
    optimiser.step()


def _optimiser(trainer: Any) -> Any:
    from vaccine_swift.training.optimiser import Optimiser

    return Optimiser(trainer.model, trainer.args)


def _resume(path: Path) -> None:
    trainer = training_support.trainer(path.parent / "out", max_steps=4)
    trainer.train(resume_from_checkpoint=str(path))


def _reports(directory: Path) -> list[Kind]:
    kinds = []
    for tier in ("light", "sketch", "full"):
        path = directory / f"{tier}.npz"
        accumulator = filled(tier)
        accumulator.save(path)
        kinds.append(Kind(f"accumulator {tier}", path, _report))
    windows = directory / "windows.npz"
    _windows().save(windows)
    kinds.append(Kind("windows", windows, _look_on))
    report = directory / "report.json"
    accumulator.report().to_json(report)
    kinds.append(
        Kind("drift report", report, lambda path: drift.Report.load(path).to_json())
    )
    rng = np.random.default_rng(0)
    two = directory / "two.json"
    drift.two_sample(rng.normal(size=(9, 3)), rng.normal(size=(8, 3))).to_json(two)
    kinds.append(
        Kind(
            "two-sample report", two, lambda path: TwoSampleReport.load(path).to_json()
        )
    )
    return kinds


def _study(directory: Path) -> list[Kind]:
    """A study's folder, as its readers and as those who share it see it."""
    whole = Path(training_support.__file__).parent / "study_folder" / "study"
    results = directory / "results.jsonl"
    shutil.copyfile(whole / "results.jsonl", results)
    folder = directory / "study"
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    with Leases(folder / SHARED, {"build": build()}) as leases:
        leases.take("align-0")
    plan = {
        each.name: {"what": "", "cost": 1.0} for each in (folder / "stages").iterdir()
    }
    (folder / SHARED / PLAN).write_text(json.dumps(plan))
    own = directory / "own-study"
    study.run(_small_study(directory), own, progress=False)
    return [
        Kind("study results", results, _sum_up),
        Kind("study folder", folder, _sum_up),
        Kind("shared study", folder, study.study_status),
        Kind("leases", folder / SHARED, _share),
        Kind("study to go on", own, _go_on),
    ]


def _sum_up(path: Path) -> None:
    result = StudyResult.load(path)
    result.summary()
    result.differences()
    result.to_html(path.parent / "page.html")


def _share(path: Path) -> None:
    members(path)
    with Leases(path, {}) as leases:
        leases.take("align-0")


def _go_on(path: Path) -> None:
    study.run(_small_study(path.parent.parent / "corpus"), path, progress=False)


def _small_study(beside: Path) -> study.StudyConfig:
    """One cell, of seconds."""
    model = beside / "study-model"
    if not model.exists():
        study_support.write_study_model(model)
    return study_support.tiny_study(model, methods=("sft",), limit=1)


def _windows() -> drift.Windows:
    """One window was tested, one waits."""
    rows = np.random.default_rng(0).normal(size=(40, 3))
    labels = ["a", "b"] * 20
    windows = drift.Windows(rows, segments=labels, permutations=399)
    windows.add("monday", rows[:20] + 0.1, segments=labels[:20]).report()
    return windows.add("tuesday", rows[:8], segments=labels[:8])


def _look_on(path: Path) -> None:
    windows = drift.Windows.load(path)
    windows.add("new", np.zeros((4, 3)), segments=["a"] * 4)
    windows.report().to_html(path.parent / "windows.html")


def _report(path: Path) -> None:
    accumulator = drift.load(path)
    accumulator.report().to_dict()
    rows = np.random.default_rng(0).normal(size=(2, 3, 20))
    accumulator.update(rows, rows, ids=["new"] * 3)
