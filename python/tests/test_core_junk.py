"""Random arguments to every entry point give a result or a documented exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from core_junk import (
    CALLS,
    FUNCTIONS,
    OPTIMISER_CALLS,
    VECTOR_CALLS,
    integers,
    likely,
    reals,
    things,
)
from core_support import configuration, random_model, small_batch, step
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaccine_swift import _core

EXPECTED = (TypeError, ValueError, MemoryError, RuntimeError)

junk = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def arguments(
    draw: Callable, strategies: dict[str, st.SearchStrategy]
) -> dict[str, Any]:
    return {name: draw(likely(part), label=name) for name, part in strategies.items()}


def attempt(function: Callable, options: dict[str, Any]) -> Any:
    try:
        return function(**options)
    except EXPECTED as failure:
        message = str(failure)
    assert message, "an exception says nothing"
    return None


REFERENCE = step(random_model())["loss"]


def check_healthy() -> None:
    assert step(random_model())["loss"] == REFERENCE


@pytest.mark.parametrize("name", CALLS)
@junk
@given(data=st.data())
def test_junk_to_a_model_is_refused_or_computed(name: str, data: st.DataObject) -> None:
    model = random_model()
    attempt(getattr(model, name), arguments(data.draw, CALLS[name]))
    attempt(lambda: step(model), {})
    attempt(model.logits, {"input_ids": [1, 2]})
    check_healthy()


@junk
@given(data=st.data())
def test_junk_in_a_row_is_refused_or_computed(data: st.DataObject) -> None:
    model = random_model()
    for name in data.draw(st.lists(st.sampled_from(sorted(CALLS)), max_size=6)):
        attempt(getattr(model, name), arguments(data.draw, CALLS[name]))
    check_healthy()


@pytest.mark.parametrize("name", OPTIMISER_CALLS)
@junk
@given(data=st.data())
def test_junk_to_an_optimiser_is_refused_or_computed(
    name: str, data: st.DataObject
) -> None:
    model = random_model()
    step(model)
    optimiser = _core.AdamW(model, 0.9, 0.999, 1e-8, 0.1)
    options = arguments(data.draw, OPTIMISER_CALLS[name])
    if name == "step":
        options["model"] = data.draw(likely(st.just(model)))
    attempt(getattr(optimiser, name), options)
    attempt(lambda: optimiser.step(model, 1e-3, 1.0), {})
    check_healthy()


@pytest.mark.parametrize("name", VECTOR_CALLS)
@junk
@given(data=st.data())
def test_junk_to_a_vector_is_refused_or_computed(
    name: str, data: st.DataObject
) -> None:
    model = random_model()
    kinds = st.sampled_from(["adapter", "gradient", "zeros"])
    vectors = [_core.Vector(model, data.draw(kinds)) for _ in range(3)]
    strategies = {
        key: st.sampled_from(vectors) if strategy is things else strategy
        for key, strategy in VECTOR_CALLS[name].items()
    }
    attempt(getattr(vectors[0], name), arguments(data.draw, strategies))
    attempt(lambda: step(model), {})
    check_healthy()


@pytest.mark.parametrize("name", FUNCTIONS)
@junk
@given(data=st.data())
def test_junk_to_a_function_is_refused_or_computed(
    name: str, data: st.DataObject
) -> None:
    attempt(getattr(_core, name), arguments(data.draw, FUNCTIONS[name]))
    check_healthy()


@junk
@given(beta1=reals, beta2=reals, epsilon=reals, weight_decay=reals)
def test_junk_settings_of_an_optimiser(**options: float) -> None:
    model = random_model()
    step(model)
    optimiser = attempt(lambda: _core.AdamW(model, **options), {})
    if optimiser is not None:
        attempt(lambda: optimiser.step(model, 1e-3, 1.0), {})
    check_healthy()


@junk
@given(
    changes=st.dictionaries(
        st.sampled_from(sorted(configuration())), things | integers, max_size=3
    )
)
def test_junk_in_a_configuration(changes: dict[str, Any]) -> None:
    model = attempt(lambda: _core.Model(configuration(**changes)), {})
    if model is not None:
        attempt(model.logits, {"input_ids": small_batch()[0]})
    check_healthy()
