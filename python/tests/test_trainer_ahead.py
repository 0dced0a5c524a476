"""What is said before the first step, and schedules of one's own."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from training_support import adapter_bytes, examples, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift.training.estimate import Estimate, estimated
from vaccine_swift.training.preparation import plan_of


def test_time_is_that_of_one_micro_batch_for_the_tokens_that_are_left(tmp_path) -> None:
    data = [vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])] * 10
    run = trainer(tmp_path, data=data, max_steps=1000, gradient_accumulation_steps=3)
    # Two seconds between any two readings: a micro-batch of 8 tokens takes 2 s.
    clock = itertools.count(0, 2).__next__
    plan, survey = plan_of(run)
    # An epoch of 40 tokens has two steps.
    assert estimated(run, plan, survey, 0, clock=clock).tokens == 20_000
    estimate = estimated(run, plan, survey, 200, clock=clock)
    assert (estimate.steps, estimate.tokens) == (800, 16_000)
    assert estimate.seconds == 16_000 * 2 / 8
    assert estimate.memory > 10_000_000
    assert not any(value.any() for value in run.model.gradients().values())


def test_plain_steps_between_perturbed_ones_are_timed_apart(tmp_path) -> None:
    method = vs.Vaccine(rho=2.0, every=4)
    run = trainer(tmp_path, method=method, max_steps=100)
    asked = []
    forward_backward = run.model.forward_backward

    def slow(batch, kind, **settings):
        asked.append(kind)
        return forward_backward(batch, kind, **settings)

    run.model.forward_backward = slow
    plan, survey = plan_of(run)
    first = next(plan.steps(0))[0]
    tokens = sum(len(run.train_dataset[index].input_ids) for index in first)
    times = iter([0, 4, 0, 2])  # one reading before and after each kind
    estimate = estimated(run, plan, survey, 0, clock=lambda: next(times))
    assert asked == [method, vs.SFT()]
    assert estimate.seconds == pytest.approx(
        (0.25 * 4 + 0.75 * 2) / tokens * estimate.tokens
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (119, "119 s"),
        (130, "2 minutes"),
        (3 * 3600, "3 hours"),
        (864_000, "10 days"),
    ],
)
def test_a_time_is_put_in_words(seconds: float, words: str) -> None:
    told = str(Estimate(20_000, 3_000_000, seconds, 9_100_000_000))
    assert told == f"20,000 steps, 3,000,000 tokens: about {words}, 9.1 GB of memory"
    assert str(Estimate(1, 2, seconds, 0, at_least=True)).endswith(f"at least {words}")


def test_the_trainer_says_what_is_ahead_and_changes_no_bit(tmp_path, capsys) -> None:
    runs = []
    for shown in (True, False):
        run = trainer(tmp_path, model=tiny_model(dropout=0.1), max_steps=60)
        if not shown:
            for callback in list(run.callbacks.callbacks):
                if type(callback).__name__ == "PrinterCallback":
                    run.remove_callback(callback)
        run.train()
        runs.append(adapter_bytes(run.model))
        captured = capsys.readouterr()
        assert captured.out.startswith("60 steps, ") == shown
        assert captured.err == ""
    assert runs[0] == runs[1]


def test_an_estimate_writes_nothing(tmp_path) -> None:
    model = tiny_model()
    before = adapter_bytes(model)
    estimate = trainer(tmp_path / "out", model=model, max_steps=7).estimate()
    assert estimate.steps == 7
    assert adapter_bytes(model) == before
    assert list(tmp_path.iterdir()) == []


# MARK: Schedules of one's own


class Rates(vs.TrainerCallback):
    """Keeps the learning rate of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.rates.append(kwargs["metrics"]["learning_rate"])


def halving(step: int) -> float:
    return 0.5**step


def own(output_dir: Path, schedule, *callbacks, **arguments) -> vs.Trainer:
    settings = {"save_strategy": "steps", "save_steps": 2, "disable_tqdm": True}
    return vs.Trainer(
        tiny_model(),
        vs.TrainingArguments(
            output_dir,
            learning_rate=1e-2,
            per_device_train_batch_size=2,
            **settings | {"max_steps": 6} | arguments,
        ),
        train_dataset=examples(12),
        lr_lambda=schedule,
        callbacks=callbacks,
    )


def test_a_schedule_of_one_s_own_sets_every_step(tmp_path) -> None:
    rates = Rates()
    own(tmp_path, halving, rates).train()
    assert rates.rates == [1e-2 * 0.5**step for step in range(6)]


def test_a_function_that_repeats_a_schedule_gives_its_bits(tmp_path) -> None:
    ours = own(tmp_path / "a", lambda step: 1 - step / 6)
    ours.train()
    built_in = own(tmp_path / "b", None, lr_scheduler_type="linear")
    built_in.train()
    assert adapter_bytes(ours.model) == adapter_bytes(built_in.model)


def test_a_callback_sets_the_learning_rate_of_a_step(tmp_path) -> None:
    class Sets(vs.TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 1:
                kwargs["optimizer"].learning_rate = 0.25

        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            if state.global_step == 2:
                kwargs["optimizer"].learning_rate /= 4

    rates = Rates()
    own(tmp_path, halving, Sets(), rates, max_steps=4).train()
    assert rates.rates == [1e-2, 0.25, 1e-2 / 16, 1e-2 / 8]


def test_a_resumed_run_needs_the_same_schedule(tmp_path) -> None:
    whole = own(tmp_path / "whole", halving, max_steps=8)
    whole.train()
    own(tmp_path / "part", halving, max_steps=4).train()
    with pytest.raises(ValueError, match=r"lr_lambda was \[1.0, 0.5, .*, is \[1.0"):
        own(tmp_path / "part", lambda step: 1.0).train(resume_from_checkpoint=True)
    with pytest.raises(ValueError, match="lr_lambda was"):
        own(tmp_path / "part", None).train(resume_from_checkpoint=True)
    longer = own(tmp_path / "part", halving, max_steps=8)
    longer.train(resume_from_checkpoint=True)
    assert adapter_bytes(longer.model) == adapter_bytes(whole.model)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), "x", None])
def test_a_schedule_that_gives_no_factor_is_refused(tmp_path, factor) -> None:
    with pytest.raises((TypeError, ValueError), match=r"lr_lambda\(2\) must be"):
        own(tmp_path, lambda step: factor if step == 2 else 1.0).train()
    with pytest.raises(TypeError, match="lr_lambda must be callable, got float"):
        own(tmp_path, 0.5)
