"""What one rank meets or decides holds on all of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from collectives import errors_on_ranks, on_ranks
from trained_on_ranks import run, weights
from training_support import (
    Recorder,
    examples,
    relative_error,
    tiny_model,
    trainer,
)

import vaccine_swift as vs
from vaccine_swift.distributed import RankError


def test_a_switch_of_one_rank_is_set_on_all(tmp_path) -> None:
    class Stop(vs.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 3 and not state.is_world_process_zero:
                control.should_training_stop = True

    ranks = on_ranks(2, lambda rank: run(tmp_path, rank, callbacks=[Stop()]))
    assert [own.state.global_step for own, _ in ranks] == [3, 3]


def test_early_stopping_stops_all_ranks(tmp_path) -> None:
    arguments = {
        "eval_strategy": "steps",
        "eval_steps": 1,
        "metric_for_best_model": "loss",
        "learning_rate": 0.3,
    }

    def stopped(rank: Any) -> int:
        own, _ = run(
            tmp_path / str(rank is None),
            rank,
            arguments=arguments,
            evaluation=examples(4, seed=9),
            callbacks=[vs.EarlyStoppingCallback(2)],
        )
        return own.state.global_step

    alone = stopped(None)
    assert alone < 20
    assert on_ranks(3, stopped) == [alone] * 3


def test_all_ranks_take_the_learning_rate_of_rank_0(tmp_path) -> None:
    class Own(vs.TrainerCallback):
        def __init__(self, rank: int) -> None:
            self.rank = rank

        def on_step_begin(self, args, state, control, **kwargs):
            kwargs["optimizer"].learning_rate = 1e-3 * (1 + self.rank)

    ranks = on_ranks(2, lambda rank: run(tmp_path, rank, callbacks=[Own(rank.rank)]))
    for _, found in ranks:
        assert {each["learning_rate"] for each in found.metrics} == {1e-3}


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("train_dataset (fingerprint)", {"data": examples(23, seed=1)}),
        ("seed", {"arguments": {"seed": 7}}),
        ("logging_steps", {"arguments": {"logging_steps": 5}}),
        ("method", {"method": vs.Vaccine(rho=1.0)}),
        ("rho_scope", {"rho_scope": "rank"}),
    ],
)
def test_ranks_that_would_do_other_things_are_refused(tmp_path, what, options) -> None:
    def start(rank: Any) -> None:
        run(tmp_path, rank, **(dict(options) if rank.rank == 1 else {}))

    for error in errors_on_ranks(3, start):
        assert isinstance(error, ValueError)
        assert what in str(error)
        assert "on rank 1 than on rank 0" in str(error)


def test_ranks_of_other_versions_or_weights_are_refused(tmp_path, monkeypatch) -> None:
    from vaccine_swift.training import preparation

    def start(rank: Any) -> None:
        own = trainer(tmp_path, model=tiny_model(seed=rank.rank), collective=rank)
        own.train()

    for error in errors_on_ranks(2, start):
        assert "adapter (weights)" in str(error)
        assert "model (fingerprint)" in str(error)
    facts = preparation._facts

    def other(host: Any, *rest: Any) -> Any:
        found = facts(host, *rest)
        rank = host.ranks.collective.rank
        return found | {"version of vaccine_swift": f"1.{rank // 2}"}

    monkeypatch.setattr(preparation, "_facts", other)
    for error in errors_on_ranks(3, lambda rank: run(tmp_path, rank)):
        assert str(error) == (
            "all ranks must do the same, got another version of vaccine_swift on "
            "rank 2 than on rank 0"
        )


def test_a_folder_in_use_is_refused_on_every_rank(tmp_path) -> None:
    from vaccine_swift.files.locks import exclusive

    with exclusive(tmp_path, "trains"):
        errors = errors_on_ranks(2, lambda rank: run(tmp_path, rank))
    assert isinstance(errors[0], RuntimeError)
    assert isinstance(errors[1], RankError)
    assert str(errors[1]).startswith("rank 0: RuntimeError: ")
    assert "is in use" in str(errors[1])


def test_a_disk_that_refuses_ends_all_ranks(tmp_path, monkeypatch) -> None:
    from vaccine_swift.training import run_checkpoints

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(run_checkpoints, "write_checkpoint", full)
    arguments = {"save_strategy": "steps", "save_steps": 4}
    errors = errors_on_ranks(3, lambda rank: run(tmp_path, rank, arguments=arguments))
    assert isinstance(errors[0], OSError)
    assert [str(each) for each in errors[1:]] == ["rank 0: OSError: no space left"] * 2


def test_an_error_of_a_rank_s_own_ends_the_others_at_once(tmp_path) -> None:
    class Fail(vs.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if not state.is_world_process_zero:
                raise ZeroDivisionError

    started = time.monotonic()
    errors = errors_on_ranks(2, lambda rank: run(tmp_path, rank, callbacks=[Fail()]))
    assert isinstance(errors[1], ZeroDivisionError)
    assert errors[0] is not None
    assert time.monotonic() - started < 30


def test_rho_of_each_rank_makes_another_run(tmp_path) -> None:
    """Which must not go on with another number of ranks."""
    arguments = {"save_strategy": "steps", "save_steps": 10, "max_steps": 10}

    def start(rank: Any, **options: Any) -> np.ndarray:
        own, _ = run(
            tmp_path / "job", rank, rho_scope="rank", arguments=arguments, **options
        )
        return weights(own)

    first, second = on_ranks(2, start)
    np.testing.assert_array_equal(first, second)
    alone, _ = run(tmp_path / "alone", None, arguments=arguments)
    assert relative_error(first, weights(alone)) > 1e-4
    arguments["max_steps"] = 20
    errors = errors_on_ranks(3, lambda rank: start(rank, resume_from_checkpoint=True))
    for error in errors:
        assert "ranks was 2, is 3" in str(error)


def test_the_scope_of_rho_is_a_word_that_is_known(tmp_path) -> None:
    with pytest.raises(ValueError, match="rho_scope must be one of batch, rank"):
        trainer(tmp_path, rho_scope="process")


def test_memory_is_reserved_for_the_part_of_a_rank(tmp_path) -> None:
    def estimate(rank: Any) -> Any:
        own = trainer(tmp_path, collective=rank, data=examples(40))
        return own.estimate()

    alone = estimate(None)
    for found in on_ranks(2, estimate):
        assert (found.steps, found.tokens) == (alone.steps, alone.tokens)
        assert found.seconds > 0


def test_gradients_that_callbacks_see_are_those_of_all_ranks(tmp_path) -> None:
    def recorded(rank: Any) -> Recorder:
        recorder = Recorder()
        run(tmp_path / str(rank is None), rank, callbacks=[recorder])
        return recorder

    alone = recorded(None)
    for found in on_ranks(2, recorded):
        for name, value in found.gradients[0].items():
            assert relative_error(value, alone.gradients[0][name]) < 1e-5
