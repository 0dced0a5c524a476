"""Memory of the binary module: who owns it and that it comes back."""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from core_support import configuration, random_model, small_batch, step

from vaccine_swift import _core


def test_a_result_outlives_the_model() -> None:
    model = random_model()
    logits = np.asarray(model.logits([1, 2, 3]))
    copy = logits.copy()
    del model
    gc.collect()
    for _ in range(10):
        random_model()
    np.testing.assert_array_equal(logits, copy)


def test_an_optimiser_outlives_the_model() -> None:
    model, other = random_model(), random_model()
    step(model)
    step(other)
    optimiser = _core.AdamW(model, 0.9, 0.999, 1e-8, 0.1)
    optimiser.step(model, 1e-3, 1.0)
    name, _ = model.tensors("adapter")[0]
    moment = np.asarray(optimiser.read("first", name)).copy()
    del model
    gc.collect()
    np.testing.assert_array_equal(np.asarray(optimiser.read("first", name)), moment)
    assert optimiser.step(other, 1e-3, 1.0) > 0
    assert optimiser.step_count == 2


def test_a_result_is_a_copy_of_the_state() -> None:
    model = random_model()
    name, shape = model.tensors("adapter")[0]
    before = np.asarray(model.read("adapter", name))
    kept = before.copy()
    model.write("adapter", name, np.zeros(shape))
    np.testing.assert_array_equal(before, kept)


def test_wrapping_a_result_copies_nothing() -> None:
    buffer = random_model().logits([1, 2, 3])
    first, second = np.asarray(buffer), np.asarray(buffer)
    first[0, 0] = 7
    assert second[0, 0] == 7
    view = memoryview(buffer)
    assert (view.format, view.shape, view.strides) == ("f", (3, 32), (128, 4))
    assert view.c_contiguous
    assert not view.readonly


def test_a_result_keeps_its_memory_while_it_is_viewed() -> None:
    view = np.asarray(random_model().logits([1, 2, 3]))
    total = float(view.sum())
    gc.collect()
    np.empty((3, 32), np.float32).fill(np.nan)
    assert float(view.sum()) == total


def test_types_cannot_be_changed_or_made_up() -> None:
    with pytest.raises(TypeError, match="cannot create"):
        _core.Buffer()
    for kind in (_core.Buffer, _core.Model, _core.AdamW):
        with pytest.raises(TypeError, match="immutable"):
            kind.extra = 1
        with pytest.raises(TypeError, match="not an acceptable base"):
            type("Derived", (kind,), {})


def test_two_copies_of_the_module_share_nothing() -> None:
    spec = importlib.util.spec_from_file_location("vaccine_swift._core", _core.__file__)
    assert spec is not None
    assert spec.loader is not None
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    assert other.Model is not _core.Model
    model = random_model()
    with pytest.raises(TypeError, match="^model must be a Model, got Model"):
        other.AdamW(model, 0.9, 0.999, 1e-8, 0.1)


def test_arguments_keep_their_reference_counts() -> None:
    model = random_model()
    parts = small_batch()
    settings = configuration()
    floats = np.ones((4, 4), np.float32)
    watched = [*parts, settings, floats, model]
    before = [sys.getrefcount(item) for item in watched]
    for _ in range(50):
        every_call(model, parts, settings, floats)
    gc.collect()
    assert [sys.getrefcount(item) for item in watched] == before


def every_call(model, parts, settings, floats) -> None:
    """Each entry point, once with success and once with a failure."""
    _core.Model(settings)
    step(model, parts)
    model.loss(*parts)
    model.logits(parts[0])
    model.hidden_states(
        *(parts[0], parts[2]), what="mlp", layers=[0], rows=[0, 1], bounds=[0, 2]
    )
    step(model, parts, layers=[1], norm="all")
    step(model, parts, perturbation="gaussian", variance=1.0, layers=[0])
    step(model, parts, perturbation="given", values=np.ones((2, 7, 16), np.float32))
    model.perturbations()
    model.attention_gradients(*parts)
    model.attention_gradient_states()
    step(model, parts, token_weights=np.ones(7, np.float32))
    rows = model.loss(*parts)[1]
    reference = np.asarray(model.log_probabilities(*parts, rows))
    step(model, parts, reference=reference, reference_weight=0.5)
    states = {"gradients": np.ones((2, 7, 16), np.float32), "layers": [0, 1]}
    model.backward_from(*parts, states=["mlp", "residual"], **states)
    model.backward_from(*parts, states=[], logits=reference, seed=3)
    model.generate(
        *(parts[0], parts[2]),
        max_new_tokens=[2] * (len(parts[2]) - 1),
        temperature=0.0,
        top_p=1.0,
        seed=0,
        first_prompt=0,
        end_tokens=[],
    )
    _core.perturbation([floats, floats[:, ::2]], 1.0)
    optimiser = _core.AdamW(model, 0.9, 0.999, 1e-8, 0.0)
    optimiser.step(model, 0.0, 1.0)
    vectors = [_core.Vector(model, each) for each in ("adapter", "gradient", "zeros")]
    vectors[2].copy(vectors[0])
    vectors[2].add_product(0.5, *vectors[1:])
    vectors[2].write(np.asarray(vectors[2].read()))
    model.set_frozen([model.tensors("adapter")[0][0]])
    model.set_frozen([])
    name, _ = model.tensors("adapter")[0]
    optimiser.write("second", name, np.asarray(optimiser.read("second", name)))
    for failing in (
        lambda: _core.Model({**settings, "head_size": "4"}),
        lambda: step(model, (parts[0], parts[1], parts[2][:-1])),
        lambda: step(model, parts, perturbation="sft"),
        lambda: step(model, parts, rho=-1.0),
        lambda: step(model, parts, layers=[1, 0]),
        lambda: step(model, parts, perturbation="given", values=floats),
        lambda: model.attention_gradients(*parts[:2], [0, 1]),
        lambda: step(model, parts, token_weights=floats),
        lambda: step(model, parts, reference=floats),
        lambda: model.log_probabilities(*parts, 1),
        lambda: model.backward_from(*parts, states=["none"]),
        lambda: model.backward_from(*parts, states=["mlp", "mlp", "mlp"], **states),
        lambda: model.backward_from(*parts, states=["mlp", "mlp"], **states, seed=-1),
        lambda: model.backward_from(*parts, states=[], logits=floats),
        lambda: model.logits(floats),
        lambda: model.logits([-1]),
        lambda: model.read("weight", "none"),
        lambda: model.write("weight", "none", floats),
        lambda: model.write("adapter", name, floats),
        lambda: _core.perturbation([floats, None], 1.0),
        lambda: optimiser.write("first", name, floats),
        lambda: optimiser.set_skipped("none", 0),
        lambda: model.set_frozen(["none"]),
        lambda: _core.Vector(model, "none"),
        lambda: _core.Vector(floats, "zeros"),
        lambda: vectors[0].dot(floats),
        lambda: vectors[0].write(floats),
    ):
        with pytest.raises((TypeError, ValueError)):
            failing()


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def test_memory_does_not_grow() -> None:
    model = random_model()
    arguments = (model, small_batch(), configuration(), np.ones((4, 4), np.float32))
    for _ in range(100):
        every_call(*arguments)
    before = resident_bytes()
    for _ in range(400):
        every_call(*arguments)
    gc.collect()
    assert resident_bytes() - before < 2_000_000


def test_large_results_are_returned_to_the_system() -> None:
    model = random_model(vocabulary_size=20_000)
    ids = np.arange(64)
    model.logits(ids)
    before = resident_bytes()
    for _ in range(100):  # 5 MB each; the allocator may keep a few for the next
        model.logits(ids)
    assert resident_bytes() - before < 100_000_000
