"""T-Vaccine: which layers it measures, draws, perturbs and freezes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from training_support import adapter_bytes, examples

import vaccine_swift as vs
from vaccine_swift.methods import TVaccine

CONFIG = vs.tiny_config(num_hidden_layers=5, max_position_embeddings=64)
HARMFUL = vs.Batch.pack(examples(4, seed=8))


def deep_model() -> vs.CausalLM:
    model = vs.CausalLM.from_config(CONFIG, seed=0)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4, lora_dropout=0.1), seed=0)
    generator = np.random.default_rng(0)
    for name, value in model.adapter_state().items():
        model._model.write("adapter", name, generator.normal(0, 0.2, value.shape))
    return model


def layer_of(name: str) -> int:
    return int(name.split(".layers.")[1].split(".")[0])


def test_only_the_drawn_layers_are_perturbed_with_norm_rho() -> None:
    model, state = deep_model(), {}
    report = model.forward_backward(
        vs.Batch.pack(examples(3)),
        TVaccine(rho=3.0, layers=2),
        state=state,
        streams={"harmful": HARMFUL},
    )
    drawn = state["layers"].tolist()
    assert len(drawn) == 2
    assert np.flatnonzero(report.perturbation_norms).tolist() == drawn
    assert np.linalg.norm(report.perturbation_norms) == pytest.approx(3.0, rel=1e-5)
    perturbations = model.perturbations()
    for layer in range(5):
        assert perturbations[layer].any() == (layer in drawn)


@pytest.mark.parametrize("variant", ["paper", "authors"])
def test_the_variants_differ_in_what_is_frozen(variant) -> None:
    model, state = deep_model(), {}
    method = TVaccine(layers=2, variant=variant)
    model.forward_backward(
        vs.Batch.pack(examples(3)), method, state=state, streams={"harmful": HARMFUL}
    )
    for name, gradient in model.gradients().items():
        feed_forward = ".mlp." in name and variant == "authors"
        trained = layer_of(name) in state["layers"] or feed_forward
        assert gradient.any() == trained, name


def test_the_variants_differ_in_the_rows_that_are_measured() -> None:
    first = vs.Batch.pack([examples(4, seed=8)[0]])
    for variant, rows in (("paper", HARMFUL), ("authors", first)):
        model, state = deep_model(), {}
        model.forward_backward(
            vs.Batch.pack(examples(3)),
            TVaccine(variant=variant),
            seed=3,
            state=state,
            streams={"harmful": HARMFUL},
        )
        norms = np.sqrt(model.engine.attention_gradients(rows, seed=3).squared_norms)
        np.testing.assert_array_equal(state["shares"], norms / norms.sum())


def test_layers_are_drawn_by_their_shares_without_replacement() -> None:
    model = deep_model()
    batch = vs.Batch.pack(examples(1))
    shares = np.array([0.4, 0.0, 0.3, 0.2, 0.1])
    method = TVaccine(layers=1, measure_every=10**6)
    counts = np.zeros(5)
    draws = 2000
    for stream in range(draws):
        state = {"shares": shares}
        step = vs.Step(model.engine, batch, stream=stream, number=1, state=state)
        counts[method._draw(step)] += 1
    # Each count is binomial; four deviations.
    spread = 4 * np.sqrt(draws * shares * (1 - shares))
    assert (np.abs(counts - draws * shares) <= spread).all()
    for layers, expected in ((4, [0, 2, 3, 4]), (9, [0, 2, 3, 4])):
        step = vs.Step(model.engine, batch, number=1, state={"shares": shares})
        assert TVaccine(layers=layers)._draw(step).tolist() == expected


def test_it_measures_and_draws_at_its_periods_and_resumes_to_the_bit(tmp_path) -> None:
    method = TVaccine(rho=1.0, layers=2, sample_every=2, measure_every=3)

    def trainer(folder) -> vs.Trainer:
        arguments = vs.TrainingArguments(
            tmp_path / folder,
            learning_rate=1e-2,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=2,
            max_steps=7,
            save_steps=1,
            disable_tqdm=True,
            report_to="none",
        )
        return vs.Trainer(
            deep_model(),
            arguments,
            train_dataset=examples(9),
            method=method,
            streams={"harmful": examples(5, seed=8)},
        )

    whole = trainer("whole")
    whole.train()
    for step in (1, 3, 4):
        again = trainer(f"from-{step}")
        again.train(tmp_path / "whole" / f"checkpoint-{step}")
        assert adapter_bytes(again.model) == adapter_bytes(whole.model), step
    states = [_state(tmp_path / "whole" / f"checkpoint-{n}") for n in range(1, 8)]
    taken = [int(state["stream.harmful"]) for state in states]
    assert taken == [1, 1, 1, 2, 2, 2, 3]
    changed = [
        not np.array_equal(before["state.layers"], after["state.layers"])
        for before, after in itertools.pairwise(states)
    ]
    assert not any(changed[0::2])
    assert any(changed)


def _state(path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path / "method.safetensors")


def test_it_needs_its_stream_and_sound_settings() -> None:
    model = deep_model()
    with pytest.raises(RuntimeError, match="reads the data stream 'harmful'"):
        model.forward_backward(HARMFUL, TVaccine())
    for settings, message in (
        ({"layers": 0}, "layers must be at least 1"),
        ({"sample_every": 0}, "sample_every must be at least 1"),
        ({"measure_every": -1}, "measure_every must be at least 1"),
        ({"rho": -1.0}, "rho must be at least 0"),
        ({"variant": "mine"}, "variant must be one of paper, authors"),
    ):
        with pytest.raises(ValueError, match=message):
            TVaccine(**settings)
    assert TVaccine().label == "T-Vaccine ρ=3"
    assert TVaccine(layers=4).label == "T-Vaccine ρ=3 γ=4"
