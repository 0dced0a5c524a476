"""Laws of the Vaccine step, and slopes by finite differences; no torch.

Two oracles stand beside the engine: its own loss at shifted weights, and `numpy_llama`,
a forward pass in float64 that shares no code with it.
"""

from __future__ import annotations

import golden
import numpy as np
import pytest
from numpy_llama import NumpyLlama

import vaccine_swift as vs

# Another order of float32 sums: PyTorch in float32 is within 3e-6 of float64 on these
# models.
ROUNDING = 2e-5

MATRIX_STEP = 1e-4

# The oracle in numpy is a Llama's; across the kinks of a ReLU no difference is a slope.
LLAMAS = pytest.mark.parametrize("case", golden.LLAMAS, indirect=True)


@pytest.fixture(params=golden.NAMES)
def case(request: pytest.FixtureRequest) -> golden.GoldenCase:
    """Each golden file in turn."""
    return golden.load(request.param)


def _numpy_model(case: golden.GoldenCase, adapter: dict[str, np.ndarray]) -> NumpyLlama:
    scale = case.lora["lora_alpha"] / case.lora["r"]
    return NumpyLlama(case.config, case.group("weight"), adapter, scale)


def _numpy_loss(
    case: golden.GoldenCase,
    adapter: dict[str, np.ndarray],
    shifts: np.ndarray | None = None,
) -> float:
    part = case.group("batch")
    return _numpy_model(case, adapter).loss(
        part["input_ids"], part["labels"], part["offsets"], shifts
    )


def _direction(gradient: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A unit direction: half random, half the gradient, so the slope is large."""
    noise = generator.standard_normal(gradient.shape)
    mixed = noise / np.linalg.norm(noise) + gradient / np.linalg.norm(gradient)
    return mixed / np.linalg.norm(mixed)


@LLAMAS
def test_numpy_oracle_agrees_with_pytorch(case: golden.GoldenCase) -> None:
    # Both compute in float64; the perturbation is stored in float32 (relative 6e-8).
    adapter = case.group("adapter")
    clean = _numpy_loss(case, adapter)
    perturbed = _numpy_loss(case, adapter, case.expected("perturbations"))
    assert clean == pytest.approx(float(case.expected("clean_loss")), abs=1e-8)
    assert perturbed == pytest.approx(float(case.expected("loss")), abs=1e-6)


def test_zero_rho_equals_sft_bit_for_bit(case: golden.GoldenCase) -> None:
    gradients, losses = [], []
    for method in (vs.SFT(), vs.Vaccine(rho=0.0)):
        model = case.model()
        losses.append(model.forward_backward(case.batch(), method=method).loss)
        gradients.append(model.gradients())
    assert losses[0] == losses[1]
    for name, values in gradients[0].items():
        np.testing.assert_array_equal(values, gradients[1][name], err_msg=name)


@pytest.mark.parametrize("rho", [1e-3, 2.0, 50.0])
def test_total_perturbation_norm_is_rho(case: golden.GoldenCase, rho: float) -> None:
    # 1e-7 in the denominator and float32 storage: relative 1e-6 covers both.
    model = case.model()
    report = model.forward_backward(case.batch(), method=vs.Vaccine(rho=rho))
    total = np.linalg.norm(model.perturbations().astype(np.float64))
    assert total == pytest.approx(rho, rel=1e-6)
    assert np.linalg.norm(report.perturbation_norms) == pytest.approx(rho, rel=1e-6)


def test_perturbation_is_zero_where_nothing_is_predicted(
    case: golden.GoldenCase,
) -> None:
    model, batch = case.model(), case.batch()
    model.forward_backward(batch, method=vs.Vaccine(rho=case.rho))
    perturbations = model.perturbations()
    for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
        predicting = np.flatnonzero(batch.labels[start + 1 : stop] != -100)
        assert not perturbations[:, stop - 1].any()
        assert not perturbations[-1, start : start + predicting[0]].any()
        assert perturbations[:, start + predicting].any(axis=-1).all()


def test_tokens_after_the_last_target_and_unlabelled_sequences_change_nothing(
    case: golden.GoldenCase,
) -> None:
    examples = case.examples()
    # LongRoPE turns a sequence by its whole length, so one may not outgrow its context.
    limit = case.config.get("original_max_position_embeddings", 0)
    sizes = [len(each.input_ids) for each in examples]
    added = [min(2, limit - size) if size < limit else 2 for size in sizes]
    assert sum(added) > len(added)
    longer = [
        vs.Example(
            np.append(each.input_ids, [3, 4][:more]),
            np.append(each.labels, [-100, -100][:more]),
        )
        for each, more in zip(examples, added, strict=True)
    ]
    longer.insert(1, vs.Example([5, 6, 7], [-100, -100, -100]))
    results = []
    for chosen in (examples, longer):
        model, batch = case.model(), vs.Batch.pack(chosen)
        report = model.forward_backward(batch, method=vs.Vaccine(rho=case.rho))
        assert report.tokens == batch.offsets[-1]
        results.append((report.loss, model.gradients(), model.perturbations()))
    assert results[0][0] == results[1][0]
    for name, gradient in results[0][1].items():
        np.testing.assert_array_equal(results[1][1][name], gradient, err_msg=name)
    given = np.concatenate([each.labels for each in longer])
    assert results[1][2].shape[1] == len(given)
    parts = np.split(
        results[1][2], np.cumsum([len(each.labels) for each in longer])[:-1], 1
    )
    assert not parts.pop(1).any()
    cut = list(zip(parts, added, strict=True))
    assert not any(part[:, -more:].any() for part, more in cut)
    kept = np.concatenate([part[:, :-more] for part, more in cut], axis=1)
    np.testing.assert_array_equal(kept, results[0][2])


def test_perturbation_of_arrays_is_the_rule_of_the_step() -> None:
    generator = np.random.default_rng(0)
    gradients = [
        generator.standard_normal((5, 3)).astype(np.float32),
        generator.standard_normal((2, 7)).astype(np.float32),
    ]
    norm = np.sqrt(sum(np.square(g.astype(np.float64)).sum() for g in gradients))
    for actual, gradient in zip(
        vs.perturbation(gradients, 3.0), gradients, strict=True
    ):
        np.testing.assert_allclose(actual, gradient * (3.0 / (norm + 1e-7)), rtol=3e-7)


def test_merging_changes_no_logit_beyond_rounding(case: golden.GoldenCase) -> None:
    model = case.model()
    ids = case.examples()[1].input_ids
    before = model.logits(ids)
    model.merge_adapter()
    np.testing.assert_allclose(model.logits(ids), before, rtol=0, atol=3e-5)


def test_order_of_sequences_in_a_batch_changes_nothing(case: golden.GoldenCase) -> None:
    examples = case.examples()
    order = [2, 0, 3, 1]
    states, shifts = [], []
    for chosen in (examples, [examples[index] for index in order]):
        model, batch = case.model(), vs.Batch.pack(chosen)
        model.forward_backward(batch, method=vs.Vaccine(rho=case.rho))
        states.append(model.gradients())
        shifts.append(np.split(model.perturbations(), batch.offsets[1:-1], axis=1))
    golden.assert_states_agree(states[1], states[0], ROUNDING)
    for position, index in enumerate(order):
        error = golden.relative_error(shifts[1][position], shifts[0][index])
        assert error <= ROUNDING, index


def test_loss_of_a_batch_is_the_token_mean_of_its_sequences(
    case: golden.GoldenCase,
) -> None:
    model = case.model()
    single = [model.loss(vs.Batch.pack([example])) for example in case.examples()]
    total = sum(loss * count for loss, count in single)
    count = sum(count for _, count in single)
    loss, supervised = model.loss(case.batch())
    assert supervised == count
    assert loss == pytest.approx(total / count, rel=1e-6)


def test_gradients_add_up_with_their_weights(case: golden.GoldenCase) -> None:
    parts = [vs.Batch.pack(case.examples()[:2]), case.batch("second_batch")]
    weights = [0.25, 0.75]
    single = []
    for part in parts:
        model = case.model()
        model.forward_backward(part, method=vs.Vaccine(rho=case.rho))
        single.append(model.gradients())
    both = case.model()
    for part, weight in zip(parts, weights, strict=True):
        both.forward_backward(part, method=vs.Vaccine(rho=case.rho), weight=weight)
    expected = {
        name: sum(
            weight * state[name].astype(np.float64)
            for weight, state in zip(weights, single, strict=True)
        )
        for name in single[0]
    }
    golden.assert_states_agree(both.gradients(), expected, ROUNDING)


@LLAMAS
def test_clean_gradient_is_the_slope_of_the_engine_loss(
    case: golden.GoldenCase,
) -> None:
    # The loss is right to about 1e-6, so a five-point slope with step h is right to
    # 1.5e-6 / h plus O(h⁴); h = 0.02 gives about 1e-4 where slopes are about 0.1 to 1.
    step, bound = 0.02, 5e-4
    model, batch = case.model(), case.batch()
    model.forward_backward(batch, method=vs.SFT())
    gradients, state = model.gradients(), model.adapter_state()
    generator = np.random.default_rng(0)
    for name, gradient in gradients.items():
        direction = _direction(gradient.astype(np.float64), generator)
        losses = {}
        for multiple in (-2, -1, 1, 2):
            moved = state[name] + multiple * step * direction
            golden.write_adapter(model, {name: moved})
            losses[multiple], _ = model.loss(batch)
        golden.write_adapter(model, {name: state[name]})
        slope = (8 * (losses[1] - losses[-1]) - (losses[2] - losses[-2])) / (12 * step)
        assert slope == pytest.approx(np.sum(gradient * direction), abs=bound), name


@LLAMAS
@pytest.mark.parametrize("kind", ["clean", "perturbed"])
def test_gradient_is_the_slope_of_the_numpy_loss(
    case: golden.GoldenCase, kind: str
) -> None:
    # float64 slopes are right to about 1e-8; the bound is the engine's own float32
    # rounding.
    method = vs.Vaccine(rho=case.rho) if kind == "perturbed" else vs.SFT()
    model = case.model()
    model.forward_backward(case.batch(), method=method)
    shifts = model.perturbations() if kind == "perturbed" else None
    adapter = case.group("adapter")
    generator = np.random.default_rng(1)
    for name, gradient in model.gradients().items():
        direction = _direction(gradient.astype(np.float64), generator)
        ends = [
            _numpy_loss(
                case,
                adapter | {name: adapter[name] + sign * MATRIX_STEP * direction},
                shifts,
            )
            for sign in (-1, 1)
        ]
        slope = (ends[1] - ends[0]) / (2 * MATRIX_STEP)
        expected = float(np.sum(gradient * direction))
        assert expected == pytest.approx(slope, rel=5 * ROUNDING), name


@LLAMAS
def test_perturbation_points_along_the_slope_of_the_attention_outputs(
    case: golden.GoldenCase,
) -> None:
    # Shifting layer l's attention output by h·d changes L1 by h·⟨g_l, d⟩, g = ε · norm
    # / ρ.
    model = case.model()
    report = model.forward_backward(case.batch(), method=vs.Vaccine(rho=case.rho))
    perturbations = model.perturbations().astype(np.float64)
    gradients = perturbations * (report.attention_gradient_norm + 1e-7) / case.rho
    generator = np.random.default_rng(2)
    for layer, gradient in enumerate(gradients):
        direction = _direction(gradient, generator)
        shift = np.zeros_like(gradients)
        shift[layer] = MATRIX_STEP * direction
        ends = [
            _numpy_loss(case, case.group("adapter"), sign * shift) for sign in (-1, 1)
        ]
        slope = (ends[1] - ends[0]) / (2 * MATRIX_STEP)
        assert np.sum(gradient * direction) == pytest.approx(slope, rel=5 * ROUNDING)
