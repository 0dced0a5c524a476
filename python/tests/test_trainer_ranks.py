"""A run on several ranks is the run of one process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from collectives import on_ranks
from trained_on_ranks import SETTINGS, STOP, run, weights
from training_support import (
    At,
    adapter_bytes,
    examples,
    relative_error,
    tiny_model,
    trainer,
    without_times,
)

import vaccine_swift as vs
from vaccine_swift.methods import Booster, Lisa, TVaccine


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
