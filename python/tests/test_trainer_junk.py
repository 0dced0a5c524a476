"""Random junk at every entry of training: a clear error or a sound object."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from training_support import adapter_bytes, examples, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift.training import _spellings

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.just(object()),
    st.just(10**400),
    st.just(np.float16(math.nan)),
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
        st.tuples(inner, inner),
    ),
    max_leaves=4,
) | arrays.arrays(
    st.one_of(arrays.scalar_dtypes(), st.just(np.dtype(object))),
    arrays.array_shapes(min_dims=0, max_dims=2, max_side=3),
)
FIELDS = [field.name for field in dataclasses.fields(vs.TrainingArguments)]
KNOWN = {*FIELDS, *_spellings.ALIASES, *_spellings.IGNORED, *_spellings.ONLY}
CLEAR = (TypeError, ValueError)


def made_or_refused(make: Callable[[], Any], *names: str) -> Any:
    """What `make` returns, or None where it refuses and names one of `names`."""
    try:
        return make()
    except CLEAR as error:
        if not any(name in str(error) for name in names):
            raise
        return None


@pytest.mark.parametrize("name", FIELDS)
@given(value=JUNK)
@settings(max_examples=30)
def test_an_argument_is_taken_or_refused_by_name(name: str, value: object) -> None:
    args = made_or_refused(lambda: vs.TrainingArguments(**{name: value}), name)
    if args is not None:
        assert vs.TrainingArguments(**json.loads(json.dumps(args.to_dict()))) == args


@given(st.dictionaries(st.text(max_size=12), JUNK, min_size=1, max_size=2))
def test_unknown_arguments_are_refused(values: dict[str, object]) -> None:
    if KNOWN.isdisjoint(values):
        with pytest.raises(TypeError, match="has no argument"):
            vs.TrainingArguments(**values)


@given(JUNK, JUNK)
def test_an_example_is_sound_or_refused(input_ids: object, labels: object) -> None:
    example = made_or_refused(
        lambda: vs.Example(input_ids, labels),  # type: ignore[arg-type]
        "input_ids",
        "labels",
    )
    if example is not None:
        assert example.input_ids.dtype == example.labels.dtype == np.int32
        assert example.input_ids.shape == example.labels.shape
        assert example.input_ids.min() >= 0


@given(JUNK)
def test_a_batch_of_junk_is_refused(junk: object) -> None:
    with pytest.raises(CLEAR):
        vs.Batch.pack(junk)  # type: ignore[arg-type]


@given(JUNK, JUNK)
def test_a_method_is_sound_or_refused(magnitude: object, every: object) -> None:
    for make, name in (
        (lambda: vs.Vaccine(rho=magnitude), "rho"),
        (lambda: vs.Vaccine(every=every), "every"),
        (lambda: vs.RandomPerturbation(magnitude), "variance"),
    ):
        method = made_or_refused(make, name)
        assert method is None or 0 <= method.magnitude < math.inf


@given(JUNK, JUNK)
def test_perturbation_is_sound_or_refused(gradients: object, rho: object) -> None:
    try:
        result = vs.perturbation(gradients, rho)  # type: ignore[arg-type]
    except CLEAR:
        return
    assert all(np.isfinite(array).all() for array in result)


@given(junk=JUNK)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_trainer_of_junk_is_refused_and_the_model_unharmed(tmp_path, junk) -> None:
    model = tiny_model()
    before = adapter_bytes(model)
    with pytest.raises(CLEAR):
        trainer(tmp_path, model=model, data=[junk] if junk is None else junk).train()
    with pytest.raises(CLEAR):
        trainer(tmp_path, model=model, method=[junk]).train()
    run = trainer(tmp_path, model=model, data=examples(2))
    with pytest.raises((*CLEAR, OSError)):
        run.train(resume_from_checkpoint=[junk])  # type: ignore[arg-type]
    assert adapter_bytes(model) == before
