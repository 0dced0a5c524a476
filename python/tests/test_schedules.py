"""Learning rates at every step, against transformers' formulas and by hand."""

from __future__ import annotations

import math

import pytest
from training_support import Recorder, trainer

from vaccine_swift import _core


def warm_up(step: int, warmup: int) -> float:
    return step / max(1, warmup)


def linear(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return warm_up(step, warmup)
    return max(0.0, (total - step) / max(1, total - warmup))


def cosine(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return warm_up(step, warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))


def constant_with_warmup(step: int, warmup: int, total: int) -> float:
    return min(1.0, step / max(1.0, warmup)) if step < warmup else 1.0


def constant(step: int, warmup: int, total: int) -> float:
    return 1.0


SCHEDULES = [linear, cosine, constant_with_warmup, constant]


@pytest.mark.parametrize("formula", SCHEDULES)
@pytest.mark.parametrize(("warmup", "total"), [(0, 10), (3, 10), (10, 10), (1, 1)])
def test_a_schedule_is_transformers_formula(formula, warmup: int, total: int) -> None:
    for step in range(total):
        factor = _core.schedule_factor(formula.__name__, step, warmup, total)
        assert factor == pytest.approx(formula(step, warmup, total), abs=1e-15)


def test_linear_values_by_hand() -> None:
    factors = [_core.schedule_factor("linear", step, 2, 6) for step in range(7)]
    assert factors == [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]


def test_cosine_values_by_hand() -> None:
    factors = [_core.schedule_factor("cosine", step, 0, 4) for step in range(5)]
    half = math.sqrt(0.5) / 2
    assert factors == pytest.approx([1.0, 0.5 + half, 0.5, 0.5 - half, 0.0])


@pytest.mark.parametrize("formula", SCHEDULES)
def test_a_run_uses_the_factor_of_each_step(tmp_path, formula) -> None:
    recorder = Recorder()
    run = trainer(
        tmp_path,
        callbacks=[recorder],
        learning_rate=4e-3,
        lr_scheduler_type=formula.__name__,
        warmup_ratio=0.3,
        num_train_epochs=2,
    )
    run.train()
    warmup, total = math.ceil(12 * 0.3), 12
    expected = [4e-3 * formula(step, warmup, total) for step in range(total)]
    rates = [metrics["learning_rate"] for metrics in recorder.metrics]
    assert rates == pytest.approx(expected, rel=1e-14)


def test_with_warm_up_the_first_step_changes_no_weight(tmp_path) -> None:
    recorder = Recorder()
    trainer(
        tmp_path, callbacks=[recorder], warmup_steps=2, lr_scheduler_type="cosine"
    ).train()
    first, second, third = recorder.weights[:3]
    assert all((first[name] == second[name]).all() for name in first)
    assert not all((second[name] == third[name]).all() for name in first)
