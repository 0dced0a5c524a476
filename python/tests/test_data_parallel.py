"""The verbs over several ranks do what they do on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from collectives import on_ranks
from training_support import examples, tiny_model

import vaccine_swift as vs
from vaccine_swift.distributed import DataParallelEngine
from vaccine_swift.distributed.parts import borders
from vaccine_swift.engines.loss_terms import Reference
from vaccine_swift.engines.perturbations import Gaussian, Given, Worst
from vaccine_swift.methods import Booster, Lisa, TVaccine

ROWS = [*examples(4), vs.Example([4, 5, 6], [-100, 5, -100]), *examples(2, seed=5)]
BATCH = vs.Batch.pack(ROWS)
HARMFUL = vs.Batch.pack(examples(3, seed=8))
NUMBERS = {"seed": 3, "stream": 5, "draw": 1}
SIZES = [1, 2, 3, 9]


def model() -> vs.CausalLM:
    return tiny_model(dropout=0.3)


def error_of(value: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(value - expected) / np.linalg.norm(expected))


def check(size: int, verb: Any) -> None:
    """The same report and gradient on every rank as on one machine."""
    alone = model()
    report = verb(alone.engine)
    expected = alone.engine.gradient.numpy()

    def work(rank: Any) -> Any:
        engine = DataParallelEngine(model().engine, rank)
        found = verb(engine)
        return found, engine.gradient.numpy()

    results = on_ranks(size, work)
    for found, gradient in results:
        np.testing.assert_array_equal(gradient, results[0][1])
        assert error_of(gradient, expected) < 5e-6
        for name in ("loss", "clean_loss", "attention_gradient_norm"):
            assert getattr(found, name) == pytest.approx(
                getattr(report, name), rel=5e-6, nan_ok=True
            )
        np.testing.assert_allclose(
            found.perturbation_norms, report.perturbation_norms, rtol=5e-6
        )
        assert (found.tokens, found.supervised) == (report.tokens, report.supervised)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "perturbation",
    [
        None,
        Worst(1.5),
        Worst(1.5, layers=[1]),
        Worst(1.5, layers=[0], norm="all"),
        Gaussian(0.2),
        Given(np.full((2, BATCH.tokens, 16), 0.1, np.float32)),
    ],
    ids=["none", "worst", "one layer", "norm of all", "noise", "given"],
)
def test_a_step_is_that_of_the_whole_batch(size: int, perturbation: Any) -> None:
    check(
        size,
        lambda engine: engine.forward_backward(
            BATCH, perturbation=perturbation, weight=0.5, **NUMBERS
        ),
    )


@pytest.mark.parametrize("size", [2, 3])
def test_the_terms_of_a_loss_are_those_of_the_whole_batch(size: int) -> None:
    weights = np.linspace(0.5, 2, BATCH.tokens, dtype=np.float32)
    logs = model().engine.log_probabilities(BATCH)
    reference = Reference(np.roll(logs, 1, axis=1), 0.7)
    check(
        size,
        lambda engine: engine.forward_backward(
            BATCH,
            perturbation=Worst(1.0),
            weights=weights,
            reference=reference,
            **NUMBERS,
        ),
    )


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("seed", [None, 4])
def test_a_caller_s_gradients_are_taken_back_from_every_rank(size, seed) -> None:
    generator = np.random.default_rng(0)
    state = generator.normal(size=(BATCH.tokens, 16)).astype(np.float32)
    logits = generator.normal(size=(BATCH.supervised, 32)).astype(np.float32)
    check(
        size,
        lambda engine: engine.backward_from(
            BATCH, {("residual", 0): state}, logits=logits, loss=1.0, seed=seed
        ),
    )


@pytest.mark.parametrize("size", SIZES)
def test_what_is_read_of_the_whole_batch_is_there_on_every_rank(size: int) -> None:
    alone = model().engine
    found = alone.attention_gradients(BATCH, **NUMBERS)
    expected = [
        found.states(),
        alone.hidden_states(BATCH, "residual", [0, 1]),
        alone.token_log_probabilities(BATCH),
        alone.log_probabilities(BATCH),
    ]

    def work(rank: Any) -> Any:
        engine = DataParallelEngine(model().engine, rank)
        parts = engine.attention_gradients(BATCH, **NUMBERS)
        np.testing.assert_allclose(parts.squared_norms, found.squared_norms, rtol=5e-6)
        assert parts.loss == pytest.approx(found.loss, rel=5e-6)
        return [
            parts.states(),
            engine.hidden_states(BATCH, "residual", [0, 1]),
            engine.token_log_probabilities(BATCH),
            engine.log_probabilities(BATCH),
        ]

    for results in on_ranks(size, work):
        for value, wanted in zip(results, expected, strict=True):
            assert error_of(value, wanted) < 5e-6


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    "method",
    [
        vs.SFT(),
        vs.Vaccine(rho=2.0),
        vs.RandomPerturbation(variance=0.1),
        TVaccine(rho=2.0, layers=1),
        TVaccine(rho=2.0, layers=1, variant="authors"),
        Booster(rho=0.5),
        Lisa(rho=0.3),
    ],
    ids=lambda method: method.label,
)
def test_methods_accumulate_the_gradient_of_one_machine(size, method) -> None:
    batches = [BATCH, vs.Batch.pack(examples(2, seed=3))]
    streams = dict.fromkeys(method.streams, HARMFUL)

    def steps(own: vs.CausalLM, engine: Any) -> Any:
        state: dict[str, Any] = {}
        reports = [
            own.forward_backward(
                batch,
                method,
                engine=engine,
                weight=0.5,
                stream=index,
                number=1,
                index=index,
                total=9,
                state=state,
                streams=streams,
            )
            for index, batch in enumerate(batches)
        ]
        return [report.loss for report in reports], engine.gradient.numpy()

    alone = model()
    losses, expected = steps(alone, alone.engine)

    def work(rank: Any) -> Any:
        own = model()
        return steps(own, DataParallelEngine(own.engine, rank))

    for found, gradient in on_ranks(size, work):
        assert found == pytest.approx(losses, rel=1e-5)
        assert error_of(gradient, expected) < 1e-5


@dataclass(frozen=True, slots=True)
class Own(vs.Method):
    """A recipe as in a notebook: every kind of verb, numbers kept between steps."""

    name = "own-on-ranks"
    streams = ("harmful",)

    def gradient(self, step: Any) -> Any:
        harmful = step.next_batch("harmful")
        size = 0.1 * step.attention_gradients(harmful).squared_norms.sum() ** 0.5
        report = step.forward_backward(perturbation=Worst(size, layers=[1]))
        before = step.gradient.copy()
        states = step.engine.hidden_states(step.batch, "residual", [0])[0]
        logs = step.engine.token_log_probabilities(harmful)
        step.backward_from({("residual", 0): 1e-3 * logs.mean() * states})
        with step.engine.without_adapter():
            away = step.engine.log_probabilities(harmful)
        step.forward_backward(harmful, reference=Reference(away), weight=-0.1)
        noise = step.random().normal(size=len(before.numpy())).astype(np.float32)
        step.vector("noise").write(1e-3 * noise)
        step.gradient.axpy(1.0, step.vector("noise"))
        step.gradient.axpy(step.gradient.dot(before) / before.norm() ** 2, before)
        return report


def test_a_recipe_of_one_s_own_gives_the_gradient_of_one_machine() -> None:
    def step(own: vs.CausalLM, engine: Any) -> np.ndarray:
        for stream in range(2):
            own.forward_backward(
                BATCH,
                Own(),
                engine=engine,
                stream=stream,
                streams={"harmful": HARMFUL},
            )
        return engine.gradient.numpy()

    alone = model()
    expected = step(alone, alone.engine)

    def work(rank: Any) -> np.ndarray:
        own = model()
        return step(own, DataParallelEngine(own.engine, rank))

    for size in (2, 3):
        for gradient in on_ranks(size, work):
            assert error_of(gradient, expected) < 1e-5


def test_the_scope_of_rho_is_the_batch_unless_it_is_told() -> None:
    """Per rank, as hooks in every process: each part has norm ρ, the whole ρ·√R."""
    worst = Worst(2.0)

    def work(rank: Any) -> Any:
        own = model()
        engine = DataParallelEngine(own.engine, rank, rho_scope="rank")
        report = engine.forward_backward(BATCH, perturbation=worst, **NUMBERS)
        return report, engine.gradient.numpy(), own.perturbations()

    results = on_ranks(2, work)
    places = borders(BATCH, 2)
    cut = BATCH.offsets[places[1]]
    alone, total = model(), 0.0
    for rank, (report, _, own) in enumerate(results):
        assert np.linalg.norm(report.perturbation_norms) == pytest.approx(
            2.0 * 2**0.5, rel=1e-5
        )
        part = range(int(places[rank]), int(places[rank + 1]))
        share = BATCH.part(part).supervised / BATCH.supervised
        found = alone.engine.forward_backward(
            BATCH, perturbation=worst, weight=share, sequences=part, **NUMBERS
        )
        total += share * found.loss
        np.testing.assert_array_equal(own, alone.perturbations())
        assert not own[:, cut:].any() if rank == 0 else not own[:, :cut].any()
    assert results[0][0].loss == pytest.approx(total, rel=1e-6)
    assert error_of(results[0][1], alone.engine.gradient.numpy()) < 1e-6
    with pytest.raises(ValueError, match="rho_scope must be one of batch, rank"):
        DataParallelEngine(alone.engine, results[0][0], rho_scope="all")


def test_a_gradient_is_reduced_once_however_often_it_is_read() -> None:
    def work(rank: Any) -> Any:
        engine = DataParallelEngine(model().engine, rank)
        engine.forward_backward(BATCH, **NUMBERS)
        engine.forward_backward(HARMFUL, **NUMBERS)
        small, calls = rank.bytes, rank.calls
        engine.sum_gradients()
        gradient = engine.gradient
        norm = gradient.norm()
        gradient.scale(2.0)
        assert gradient.norm() == pytest.approx(2 * norm)
        return calls, small, rank.calls, rank.bytes - small, gradient.numpy().nbytes

    for calls, small, after, large, size in on_ranks(2, work):
        assert (calls, after) == (2, 3)
        assert small < 100
        assert large == size


def test_parts_are_neighbours_with_tokens_as_equal_as_rows_allow() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, 40)
    batch = vs.Batch.pack([vs.Example(range(n), range(n)) for n in lengths])
    for size in range(1, 60):
        places = borders(batch, size)
        assert (places[0], places[-1], len(places)) == (0, 40, size + 1)
        assert (np.diff(places) >= 0).all()
        tokens = np.diff(batch.offsets[places])
        assert tokens.max() <= batch.tokens / size + lengths.max()
