"""Seeds, names, counts and other scalar arguments of the binary module."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core_support import TARGETS, configuration, random_model, small_batch, step

from vaccine_swift import _core


@pytest.mark.parametrize("value", [-1, 2**64, -(2**70)])
def test_a_seed_has_64_bits(value: int) -> None:
    with pytest.raises(ValueError, match=r"^seed must be in \[0, 2\*\*64\), got"):
        random_model().initialise(value)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_a_seed_is_an_integer(value: Any) -> None:
    with pytest.raises(TypeError, match="^seed must be an integer, got"):
        random_model().initialise(value)


def test_numpy_scalars_are_numbers() -> None:
    model = random_model()
    expected = step(model)["loss"]
    report = step(model, seed=np.int64(0), stream=np.uint8(0), rho=np.float32(2))
    assert report["loss"] == expected
    model.reserve(np.int32(8), np.int64(2), use="training")


def test_the_largest_seed_and_stream_are_allowed() -> None:
    model = _core.Model(configuration())
    model.initialise(2**64 - 1)
    count = len(TARGETS)
    model.add_adapter(TARGETS, [2] * count, [2.0] * count, 0.5, 2**64 - 1)
    assert np.isfinite(step(model, seed=2**64 - 1, stream=2**64 - 1)["loss"])


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        ("q_proj", TypeError),
        (None, TypeError),
        (3, TypeError),
        (["q_proj", 3], TypeError),
        (["q_proj\0"], ValueError),
        (["\ud800"], ValueError),
        (["lm_head"], ValueError),
        ([], ValueError),
    ],
)
def test_bad_targets_are_refused_by_name(targets: Any, kind: type[Exception]) -> None:
    model = _core.Model(configuration())
    count = len(targets) if isinstance(targets, list) else 1
    with pytest.raises(kind, match="^target"):
        model.add_adapter(targets, [2] * count, [2.0] * count, 0.0, 0)
    assert model.tensors("adapter") == []


@pytest.mark.parametrize(
    "name", ["", "lm_head", "lm_head.weight\0", "\udfff", "ü" * 2000]
)
def test_an_unknown_tensor_name_is_refused(name: str) -> None:
    model = random_model()
    with pytest.raises(ValueError, match="name"):
        model.read("weight", name)
    with pytest.raises(ValueError):  # noqa: PT011  (the core's message, the shim's for NUL)
        model.write("weight", name, [1.0])


@pytest.mark.parametrize(
    "choice", ["", "Weight", "weights", "weight\0", 0, None, b"weight"]
)
def test_an_unknown_kind_is_refused(choice: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="^kind must be"):
        random_model().tensors(choice)


def test_step_count_is_a_number_from_0() -> None:
    model = random_model()
    optimiser = _core.AdamW(model, 0.9, 0.999, 1e-8, 0.1)
    optimiser.step_count = 17
    assert optimiser.step_count == 17
    with pytest.raises(ValueError, match="^step_count must be in"):
        optimiser.step_count = -1
    with pytest.raises(TypeError, match="^step_count must be an integer"):
        optimiser.step_count = 1.5
    with pytest.raises(TypeError, match="^step_count cannot be deleted"):
        del optimiser.step_count
    assert optimiser.step_count == 17


@pytest.mark.parametrize("model", [None, 3, "model", _core.Model])
def test_an_optimiser_takes_a_model(model: Any) -> None:
    with pytest.raises(TypeError, match="^model must be a Model, got"):
        _core.AdamW(model, 0.9, 0.999, 1e-8, 0.1)


@pytest.mark.parametrize("extra", [{"colour": 1}, {"input_ids": [1]}])
def test_an_unknown_or_repeated_keyword_is_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        random_model().logits([1], **extra)


def test_options_of_a_step_are_keywords() -> None:
    with pytest.raises(TypeError, match="positional"):
        random_model().forward_backward(*small_batch(), "sft", 0.0, 1.0, 0, 0)
