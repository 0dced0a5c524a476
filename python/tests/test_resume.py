"""Checkpoints and going on from them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from training_support import (
    At,
    adapter_bytes,
    examples,
    saved_steps,
    tiny_model,
    trainer,
    without_times,
)

import vaccine_swift as vs

RUN = {
    "method": vs.Vaccine(rho=1.0, every=2),
    "num_train_epochs": 2,
    "gradient_accumulation_steps": 2,
    "logging_steps": 2,
    "save_strategy": "steps",
    "save_steps": 1,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "weight_decay": 0.1,
}


def run_of(output_dir: Path, **changes) -> vs.Trainer:
    """A run with dropout, accumulation, an uneven last step, and checkpoints."""
    settings = RUN | {"data": examples(11), "evaluation": examples(3, seed=5)} | changes
    settings.setdefault("model", tiny_model(dropout=0.1))
    return trainer(output_dir, **settings)


def final_files(output_dir: Path) -> list[bytes]:
    last = max(output_dir.glob("checkpoint-*"), key=lambda p: int(p.name[11:]))
    names = ("adapter_model.safetensors", "optimizer.safetensors")
    return [(last / name).read_bytes() for name in names]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"eval_strategy": "epoch", "logging_strategy": "epoch"},
        {"eval_strategy": "steps", "eval_steps": 2, "load_best_model_at_end": True},
        {"max_steps": 4, "save_strategy": "epoch", "eval_strategy": "epoch"},
        {"method": vs.RandomPerturbation(1e-3), "logging_steps": 4},
    ],
)
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, settings) -> None:
    whole = run_of(tmp_path / "whole", **settings)
    whole.train()
    found = sorted((tmp_path / "whole").glob("checkpoint-*"))
    assert len(found) >= 2
    for checkpoint in found:
        output_dir = tmp_path / f"resumed-{checkpoint.name}"
        resumed = run_of(output_dir, **settings)
        resumed.train(resume_from_checkpoint=checkpoint)
        assert adapter_bytes(resumed.model) == adapter_bytes(whole.model)
        history = without_times(resumed.state.log_history)
        assert history == without_times(whole.state.log_history)
        lines = (output_dir / "log.jsonl").read_text().splitlines()
        assert without_times(map(json.loads, lines)) == history
        if (output_dir / found[-1].name).exists():
            assert final_files(output_dir) == final_files(tmp_path / "whole")


def test_an_early_stopped_run_resumes_to_the_same_stop(tmp_path) -> None:
    def stopping(output_dir: Path) -> vs.Trainer:
        model = tiny_model()
        losses = {0: 3.0, 1: 2.0, 2: 2.5, 3: 1.0, 4: 1.5, 5: 1.6}
        run = run_of(
            output_dir,
            model=model,
            evaluation=examples(1),
            eval_strategy="steps",
            eval_steps=1,
            metric_for_best_model="loss",
            callbacks=[vs.EarlyStoppingCallback(2)],
            num_train_epochs=4,
        )
        model.loss = lambda batch: (losses[run.state.global_step - 1], 1)
        return run

    whole = stopping(tmp_path / "whole")
    assert whole.train().global_step == 6
    for step in range(1, 7):
        resumed = stopping(tmp_path / f"resumed-{step}")
        resumed.train(resume_from_checkpoint=tmp_path / "whole" / f"checkpoint-{step}")
        assert resumed.state.global_step == 6
        assert adapter_bytes(resumed.model) == adapter_bytes(whole.model)


def test_true_resumes_from_the_last_checkpoint(tmp_path) -> None:
    whole = run_of(tmp_path / "whole")
    whole.train()
    broken = run_of(tmp_path / "part", callbacks=[At("on_step_end", 4, _interrupt)])
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    assert saved_steps(tmp_path / "part") == [1, 2, 3]
    resumed = run_of(tmp_path / "part")
    resumed.train(resume_from_checkpoint=True)
    assert adapter_bytes(resumed.model) == adapter_bytes(whole.model)


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_a_damaged_checkpoint_is_passed_over(tmp_path) -> None:
    run_of(tmp_path).train()
    last = tmp_path / "checkpoint-6"
    for name in ("adapter_model.safetensors", "trainer_state.json", "position.json"):
        saved = (last / name).read_bytes()
        (last / name).write_bytes(saved[: len(saved) // 2])
        run = run_of(tmp_path)
        with pytest.warns(UserWarning, match=r"passed over: .*checkpoint-6.*") as told:
            run.train(resume_from_checkpoint=True)
        assert {Path(each.filename) for each in told} == {Path(__file__)}
        assert run.state.global_step == 6


@pytest.mark.parametrize(
    "name",
    [
        "adapter_model.safetensors",
        "optimizer.safetensors",
        "trainer_state.json",
        "position.json",
        "training_args.json",
    ],
)
def test_a_named_checkpoint_must_be_whole(tmp_path, name: str) -> None:
    run_of(tmp_path).train()
    path = tmp_path / "checkpoint-3"
    content = (path / name).read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"[1]"):
        (path / name).write_bytes(damaged)
        run = run_of(tmp_path)
        before = adapter_bytes(run.model)
        with pytest.raises(ValueError, match="checkpoint-3"):
            run.train(resume_from_checkpoint=path)
        assert adapter_bytes(run.model) == before
    (path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"no whole checkpoint: no {name}"):
        run_of(tmp_path).train(resume_from_checkpoint=path)


def test_there_must_be_something_to_resume_from(tmp_path) -> None:
    with pytest.raises(ValueError, match="no whole checkpoint in"):
        run_of(tmp_path).train(resume_from_checkpoint=True)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_of(tmp_path).train(resume_from_checkpoint=tmp_path / "nowhere")


CHANGES = [
    ("learning_rate", {"learning_rate": 2e-2}),
    ("weight_decay", {"weight_decay": 0.2}),
    ("adam_beta2", {"adam_beta2": 0.99}),
    ("max_grad_norm", {"max_grad_norm": 2.0}),
    ("lr_scheduler_type", {"lr_scheduler_type": "linear"}),
    ("warmup_steps", {"warmup_ratio": 0.5}),
    (r"max_steps or num_train_epochs \(in steps\)", {"num_train_epochs": 3}),
    ("per_device_train_batch_size", {"per_device_train_batch_size": 3}),
    ("gradient_accumulation_steps", {"gradient_accumulation_steps": 1}),
    ("dataloader_drop_last", {"dataloader_drop_last": True}),
    ("seed", {"seed": 1}),
    ("data_seed", {"data_seed": 1}),
    ("method", {"method": vs.Vaccine(rho=1.5, every=2)}),
    ("method", {"method": vs.SFT()}),
    (r"train_dataset \(length\)", {"data": examples(10)}),
    (r"train_dataset \(fingerprint\)", {"data": examples(11, seed=1)}),
    ("adapter", {"model": tiny_model(dropout=0.2)}),
    (r"model \(fingerprint\)", {"model": tiny_model(dropout=0.1, seed=1)}),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_a_change_of_the_trajectory_is_refused_by_name(tmp_path, name, change) -> None:
    run_of(tmp_path).train()
    run = run_of(tmp_path, **change)
    before = adapter_bytes(run.model)
    with pytest.raises(ValueError, match=f"cannot resume from .*{name} was .*, is "):
        run.train(resume_from_checkpoint=True)
    assert adapter_bytes(run.model) == before


def test_what_does_not_change_the_trajectory_may_change(tmp_path) -> None:
    whole = run_of(tmp_path)
    whole.train()
    shutil.rmtree(tmp_path / "checkpoint-6")
    resumed = run_of(
        tmp_path,
        logging_steps=1,
        save_strategy="no",
        eval_strategy="epoch",
        per_device_eval_batch_size=1,
        disable_tqdm=False,
        model=tiny_model(dropout=0.1, seed=0),
    )
    resumed.train(resume_from_checkpoint=True)
    assert adapter_bytes(resumed.model) == adapter_bytes(whole.model)


def test_a_constant_schedule_may_train_longer(tmp_path) -> None:
    settings = {"lr_scheduler_type": "constant", "warmup_ratio": 0.0}
    whole = run_of(tmp_path / "whole", num_train_epochs=3, **settings)
    whole.train()
    run_of(tmp_path / "part", num_train_epochs=2, **settings).train()
    longer = run_of(tmp_path / "part", num_train_epochs=3, **settings)
    longer.train(resume_from_checkpoint=True)
    assert adapter_bytes(longer.model) == adapter_bytes(whole.model)


@pytest.mark.parametrize("limit", [1, 2])
def test_save_total_limit_removes_the_oldest(tmp_path, limit: int) -> None:
    run_of(tmp_path, save_total_limit=limit).train()
    assert saved_steps(tmp_path) == list(range(7 - limit, 7))


def test_the_best_checkpoint_is_never_removed_and_is_loaded_at_the_end(
    tmp_path,
) -> None:
    model = tiny_model()
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 4: 2.5, 5: 2.6, 6: 2.7}
    kept: dict[int, bytes] = {}
    run = run_of(
        tmp_path,
        model=model,
        evaluation=examples(1),
        eval_strategy="steps",
        eval_steps=1,
        save_total_limit=1,
        load_best_model_at_end=True,
    )

    def loss(batch: vs.Batch) -> tuple[float, int]:
        kept[run.state.global_step] = adapter_bytes(model)
        return losses[run.state.global_step], 1

    model.loss = loss
    run.train()
    assert saved_steps(tmp_path) == [2, 6]
    assert run.state.best_model_checkpoint == str(tmp_path / "checkpoint-2")
    assert adapter_bytes(model) == kept[2] != kept[6]


def test_save_strategy_best_saves_what_improves(tmp_path) -> None:
    model = tiny_model()
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 4: 0.5, 5: 2.6, 6: 2.7}
    run = run_of(
        tmp_path,
        model=model,
        evaluation=examples(1),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="best",
    )
    model.loss = lambda batch: (losses[run.state.global_step], 1)
    run.train()
    assert saved_steps(tmp_path) == [1, 2, 4]


def test_what_a_killed_run_left_unfinished_is_cleaned_up(tmp_path) -> None:
    (tmp_path / ".unfinished-checkpoint-9").mkdir()
    (tmp_path / ".unfinished-checkpoint-9" / "file").write_text("half")
    (tmp_path / ".unfinished-trainer_state.json").write_text("half")
    trainer(tmp_path).train()
    assert not list(tmp_path.glob(".unfinished*"))


def test_a_fresh_run_among_old_checkpoints_warns(tmp_path) -> None:
    run_of(tmp_path).train()
    with pytest.warns(UserWarning, match="holds checkpoints of an earlier run"):
        run_of(tmp_path).train()
    assert saved_steps(tmp_path) == [1, 2, 3, 4, 5, 6]
