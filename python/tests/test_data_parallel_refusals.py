"""What several ranks refuse, each of them as one machine does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from collectives import errors_on_ranks
from training_support import examples, tiny_model

import vaccine_swift as vs
from vaccine_swift.distributed import DataParallelEngine, RankError
from vaccine_swift.engines.perturbations import Worst

ROWS = [*examples(4), vs.Example([4, 5, 6], [-100, 5, -100]), *examples(2, seed=5)]
BATCH = vs.Batch.pack(ROWS)
NUMBERS = {"seed": 3, "stream": 5, "draw": 1}


def model() -> vs.CausalLM:
    return tiny_model(dropout=0.3)


def test_an_error_of_one_rank_is_an_error_of_all() -> None:
    weights = np.ones(BATCH.tokens, np.float32)

    def work(rank: Any) -> None:
        own = model()
        engine = DataParallelEngine(own.engine, rank)
        engine.forward_backward(BATCH, **NUMBERS)
        if rank.rank == 1:
            name = next(iter(own.adapter_state()))
            shape = own.adapter_state()[name].shape
            own.core.write("adapter", name, np.full(shape, 1e38, np.float32))
        try:
            engine.forward_backward(BATCH, weights=weights, **NUMBERS)
        finally:
            assert not own.engine.gradient.numpy().any()

    errors = errors_on_ranks(3, work)
    assert isinstance(errors[1], ValueError)
    for error in (errors[0], errors[2]):
        assert isinstance(error, RankError)
        assert str(error) == f"rank 1: ValueError: {errors[1]}"


@pytest.mark.parametrize("rho", [-1.0, float("nan"), 1e32])
def test_a_bad_rho_is_refused_as_on_one_machine(rho: float) -> None:
    def work(rank: Any) -> None:
        engine = DataParallelEngine(model().engine, rank)
        engine.forward_backward(BATCH, perturbation=Worst(rho))

    for error in errors_on_ranks(2, work):
        assert isinstance(error, ValueError)
        assert "rho must be" in str(error)


@pytest.mark.parametrize("layers", [[2], [-1], [1, 0]])
def test_bad_layers_are_refused_on_every_rank(layers: list[int]) -> None:
    def work(rank: Any) -> None:
        engine = DataParallelEngine(model().engine, rank)
        engine.forward_backward(BATCH, perturbation=Worst(1.0, layers=layers))

    for error in errors_on_ranks(2, work):
        assert "layers must rise strictly" in str(error)


def test_a_batch_without_targets_is_refused() -> None:
    batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100] * 3)] * 2)

    def work(rank: Any) -> None:
        DataParallelEngine(model().engine, rank).forward_backward(batch)

    for error in errors_on_ranks(2, work):
        assert str(error) == "labels: no token of the batch is supervised"
