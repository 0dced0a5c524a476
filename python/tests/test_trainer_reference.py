"""The trainer beside transformers' own: events, logs, callbacks, weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_support import (
    CONFIG,
    examples,
    relative_error,
    tiny_model,
    trainer,
    without_times,
)

import vaccine_swift as vs
from vaccine_swift import _core
from vaccine_swift.training.callbacks import EVENTS
from vaccine_swift.training.sampling import Plan

pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("default"),
]

COMMON: dict[str, Any] = {
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 3,
    "num_train_epochs": 2,
    "learning_rate": 5e-3,
    "weight_decay": 0.1,
    "max_grad_norm": 0.1,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.2,
    "logging_steps": 1,
    "eval_strategy": "epoch",
    "save_strategy": "steps",
    "save_steps": 2,
    "disable_tqdm": True,
}


def reference_model(model: vs.CausalLM, directory: Path) -> Any:
    """The same model and adapter in PEFT."""
    import peft
    import transformers

    twin = vs.CausalLM.from_config(CONFIG, seed=0)
    twin.save_pretrained(directory / "base")
    model.save_adapter(directory / "adapter")
    base = transformers.LlamaForCausalLM.from_pretrained(directory / "base")
    return peft.PeftModel.from_pretrained(
        base, directory / "adapter", is_trainable=True
    )


def collate(rows: list[vs.Example]) -> dict[str, Any]:
    """Right padding, as the authors' collator does."""
    import torch

    longest = max(row.tokens for row in rows)

    def padded(values: list[np.ndarray], filler: int) -> Any:
        fill = [
            np.pad(v, (0, longest - len(v)), constant_values=filler) for v in values
        ]
        return torch.tensor(np.stack(fill).astype(np.int64))

    return {
        "input_ids": padded([row.input_ids for row in rows], 0),
        "labels": padded([row.labels for row in rows], -100),
        "attention_mask": padded([np.ones(row.tokens, int) for row in rows], 0),
    }


def listener(base: type) -> Any:
    """A callback of the class `base` that writes down every event."""

    class Listener(base):
        def __init__(self) -> None:
            self.events: list[str] = []

    for event in EVENTS:

        def note(self, args, state, control, _event=event, **kwargs):
            self.events.append(_event)

        setattr(Listener, event, note)
    return Listener()


def reference_trainer(
    output_dir: Path, model: vs.CausalLM, callbacks: list[Any]
) -> Any:
    """Transformers' trainer that takes the examples in their order."""
    import torch
    import transformers

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *args):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    arguments = transformers.TrainingArguments(
        str(output_dir),
        report_to="none",
        use_cpu=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        **COMMON,
    )
    return InOrder(
        reference_model(model, output_dir),
        arguments,
        train_dataset=examples(11),
        eval_dataset=examples(5, seed=1),
        data_collator=collate,
        callbacks=callbacks,
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Any, vs.Trainer, Any, Any]:
    """Two trainers, and their listeners, after equal SFT runs in the data's order."""
    import transformers

    directory = tmp_path_factory.mktemp("both")
    heard = listener(transformers.TrainerCallback)
    other = reference_trainer(directory / "theirs", tiny_model(), [heard])
    other.train()
    own = listener(vs.TrainerCallback)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plan, "order", lambda self, epoch: np.arange(self.examples))
        run = trainer(
            directory / "ours",
            data=examples(11),
            evaluation=examples(5, seed=1),
            method=vs.SFT(),
            callbacks=[own],
            **COMMON,
        )
        run.train()
    return other, run, heard, own


def test_events_are_those_of_transformers(both) -> None:
    _, _, heard, own = both
    assert own.events == heard.events


def test_log_entries_are_those_of_transformers(both) -> None:
    other, run, _, _ = both
    theirs = without_times(other.state.log_history)
    ours = without_times(run.state.log_history)
    assert len(ours) == len(theirs)
    for own, expected in zip(ours, theirs, strict=True):
        extra = {"clean_loss"} if "loss" in own else set()
        assert set(own) - extra == set(expected) - {"total_flos"}
        for name in set(own) - extra:
            assert own[name] == pytest.approx(expected[name], rel=2e-4, abs=1e-12), name


def test_weights_are_those_of_transformers(both) -> None:
    other, run, _, _ = both
    theirs = {
        name.replace(".default", ""): value.detach().numpy()
        for name, value in other.model.named_parameters()
        if "lora" in name
    }
    ours = run.model.adapter_state()
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        assert relative_error(value, theirs[name]) <= 1e-3


def test_transformers_reads_our_state_and_we_read_theirs(both) -> None:
    import transformers

    other, run, _, _ = both
    path = Path(run.args.output_dir, "trainer_state.json")
    state = transformers.TrainerState.load_from_json(str(path))
    assert state.log_history == run.state.log_history
    other.save_state()
    path = Path(other.args.output_dir, "trainer_state.json")
    assert vs.TrainerState.load_from_json(path).log_history == other.state.log_history


def test_defaults_are_those_of_transformers_live(tmp_path) -> None:
    import transformers

    theirs = transformers.TrainingArguments(str(tmp_path))
    ours = vs.TrainingArguments(str(tmp_path))
    other = {"output_dir", "report_to", "eval_steps", "optim"}
    for field in dataclasses.fields(ours):
        if field.name not in other:
            expected = getattr(theirs, field.name)
            expected = getattr(expected, "value", expected)
            assert getattr(ours, field.name) == expected, field.name


@pytest.mark.parametrize("name", ["linear", "cosine", "constant_with_warmup"])
@pytest.mark.parametrize("warmup", [0, 1, 4, 10])
def test_schedules_are_those_of_transformers_live(name: str, warmup: int) -> None:
    import torch
    import transformers

    parameter = torch.nn.Parameter(torch.zeros(1))
    scheduler = transformers.get_scheduler(
        name, torch.optim.SGD([parameter], lr=1.0), warmup, 10
    )
    (factor,) = scheduler.lr_lambdas
    for step in range(10):
        own = _core.schedule_factor(name, step, warmup, 10)
        assert own == pytest.approx(factor(step), abs=1e-15)


@pytest.mark.parametrize("threshold", [0.0, 0.1])
def test_transformers_early_stopping_works_here_and_agrees(tmp_path, threshold) -> None:
    import transformers

    losses = [3.0, 2.5, 2.45, 2.6, 2.0, 1.99, 1.98, 1.97, 1.96, 1.95, 1.94, 1.93]
    steps = []
    for kind in (transformers.EarlyStoppingCallback, vs.EarlyStoppingCallback):
        model = tiny_model()
        given = iter(losses)
        model.loss = lambda batch, given=given: (next(given), 1)
        run = trainer(
            tmp_path / kind.__module__,
            model=model,
            evaluation=examples(1),
            callbacks=[kind(3, threshold)],
            eval_strategy="steps",
            eval_steps=1,
            num_train_epochs=2,
            save_strategy="steps",
            save_steps=1,
            load_best_model_at_end=True,
        )
        steps.append(run.train().global_step)
        assert "EarlyStoppingCallback" in run.state.stateful_callbacks
    assert steps[0] == steps[1] == (12 if threshold == 0.0 else 8)
