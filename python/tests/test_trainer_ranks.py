"""A run on several ranks is the run of one process."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collectives import errors_on_ranks, on_ranks
from training_support import (
    At,
    Recorder,
    adapter_bytes,
    examples,
    relative_error,
    tiny_model,
    trainer,
    without_times,
)

import vaccine_swift as vs
from vaccine_swift.distributed import RankError
from vaccine_swift.methods import Booster, Lisa, TVaccine

# A step has 2 micro-batches of up to 5 rows, so that parts are uneven.
SETTINGS: dict[str, Any] = {
    "max_steps": 20,
    "per_device_train_batch_size": 5,
    "gradient_accumulation_steps": 2,
    "lr_scheduler_type": "cosine",
    "learning_rate": 1e-3,
    "logging_steps": 4,
}


class Noting(vs.TrainerCallback):
    """The norm of ε of every step, as the model's reports tell it."""

    def __init__(self) -> None:
        self.metrics: list[Any] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.metrics.append(dict(kwargs["metrics"]))


def run(
    directory: Path, rank: Any, *, method: Any = None, **options: Any
) -> tuple[vs.Trainer, Noting]:
    """A trainer that has trained on a rank, or alone."""
    noting = Noting()
    method = vs.Vaccine(rho=2.0) if method is None else method
    own = trainer(
        directory,
        model=tiny_model(dropout=0.2),
        data=options.pop("data", examples(23)),
        method=method,
        callbacks=[noting, *options.pop("callbacks", [])],
        evaluation=options.pop("evaluation", None),
        streams={name: examples(7, seed=8) for name in method.streams},
        collective=rank,
        rho_scope=options.pop("rho_scope", "batch"),
        **(SETTINGS | {"report_to": "jsonl"} | options.pop("arguments", {})),
    )
    own.train(**options)
    return own, noting


def weights(own: vs.Trainer) -> np.ndarray:
    return np.concatenate(
        [value.ravel() for value in own.model.adapter_state().values()]
    )


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    "method",
    [
        vs.SFT(),
        vs.Vaccine(rho=2.0),
        vs.Vaccine(rho=2.0, every=2),
        vs.RandomPerturbation(variance=0.05),
        TVaccine(rho=2.0, layers=1, sample_every=3),
        Booster(strength=0.5),
        Lisa(alignment_steps=3, finetune_steps=5),
    ],
    ids=lambda method: method.label,
)
def test_twenty_steps_are_those_of_one_process(tmp_path, size, method) -> None:
    alone, expected = run(tmp_path / "alone", None, method=method)
    ranks = on_ranks(size, lambda rank: run(tmp_path / "job", rank, method=method))
    for own, found in ranks:
        assert relative_error(weights(own), weights(alone)) < 1e-5
        assert adapter_bytes(own.model) == adapter_bytes(ranks[0][0].model)
        assert len(found.metrics) == 20
        for one, other in zip(found.metrics, expected.metrics, strict=True):
            for name in ("loss", "clean_loss", "learning_rate"):
                assert (name in one) == (name in other)
                if name in one:
                    assert one[name] == pytest.approx(other[name], rel=1e-5)
            # Weights that differ by 1e-5 have gradients that differ by more.
            assert one["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)
        assert own.state.num_input_tokens_seen == alone.state.num_input_tokens_seen


def test_the_perturbation_after_twenty_steps_is_that_of_one_process(tmp_path) -> None:
    alone, _ = run(tmp_path / "alone", None)
    ranks = on_ranks(3, lambda rank: run(tmp_path / "job", rank))
    parts = sum(own.model.perturbations() for own, _ in ranks)
    assert relative_error(parts, alone.model.perturbations()) < 1e-5


def test_one_rank_gives_the_bits_of_no_rank(tmp_path) -> None:
    alone, _ = run(tmp_path / "alone", None)
    ((own, _),) = on_ranks(1, lambda rank: run(tmp_path / "job", rank))
    assert adapter_bytes(own.model) == adapter_bytes(alone.model)


def test_a_batch_with_fewer_rows_than_ranks_leaves_some_idle(tmp_path) -> None:
    arguments = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 1}
    alone, _ = run(tmp_path / "alone", None, arguments=arguments)
    ranks = on_ranks(3, lambda rank: run(tmp_path / "job", rank, arguments=arguments))
    for own, _ in ranks:
        assert relative_error(weights(own), weights(alone)) < 1e-5


def test_rank_0_alone_writes(tmp_path) -> None:
    arguments = {"save_strategy": "steps", "save_steps": 10, "eval_strategy": "epoch"}
    options = {"arguments": arguments, "evaluation": examples(5, seed=3)}
    run(tmp_path / "alone", None, **dict(options))
    ranks = on_ranks(
        3, lambda rank: run(tmp_path / f"rank{rank.rank}", rank, **dict(options))
    )
    assert [each.name for each in tmp_path.iterdir()].count("rank1") == 0
    assert [own.state.is_world_process_zero for own, _ in ranks] == [True, False, False]
    names = {path.name for path in (tmp_path / "rank0").rglob("*")}
    assert names == {path.name for path in (tmp_path / "alone").rglob("*")}
    logs = [
        [
            json.loads(line)
            for line in (tmp_path / each / "log.jsonl").read_text().splitlines()
        ]
        for each in ("alone", "rank0")
    ]
    for one, other in zip(*map(without_times, logs), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_the_loss_of_an_evaluation_has_the_same_bits(tmp_path) -> None:
    data = examples(11, seed=3)

    def measured(rank: Any) -> float:
        own = trainer(tmp_path, collective=rank, per_device_eval_batch_size=2)
        return own.evaluate(data)["eval_loss"]

    assert len({measured(None), *on_ranks(3, measured)}) == 1


@pytest.mark.parametrize(("before", "after"), [(2, 1), (2, 3), (1, 2)])
def test_a_run_goes_on_with_another_number_of_ranks(tmp_path, before, after) -> None:
    saving = {"save_strategy": "steps", "save_steps": 5}
    whole, _ = run(tmp_path / "whole", None, arguments=saving)

    def first(rank: Any) -> None:
        stop = At("on_step_end", 12, lambda: setattr(own.control, *STOP))
        own = trainer(
            tmp_path / "job",
            model=tiny_model(dropout=0.2),
            data=examples(23),
            callbacks=[stop],
            collective=rank,
            **(SETTINGS | saving | {"report_to": "jsonl"}),
        )
        own.train()

    on_ranks(before, first)
    ranks = on_ranks(
        after,
        lambda rank: run(
            tmp_path / "job", rank, arguments=saving, resume_from_checkpoint=True
        ),
    )
    for own, found in ranks:
        assert own.state.global_step == 20
        assert len(found.metrics) == 10  # from checkpoint-10 on
        assert relative_error(weights(own), weights(whole)) < 1e-5


STOP = ("should_training_stop", True)


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
    from vaccine_swift.training import run as loop

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(loop, "write_checkpoint", full)
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
