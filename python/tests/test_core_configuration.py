"""The configuration of a model of the binary module."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from core_support import configuration

from fuzz.models import DESCRIPTIONS
from vaccine_swift import _core

INTEGERS = [key for key, value in configuration().items() if type(value) is int]
REALS = [key for key, value in configuration().items() if type(value) is float]
FLAGS = [key for key, value in configuration().items() if type(value) is bool]


def test_the_configuration_is_given_back() -> None:
    settings = configuration(
        norm_epsilon=0.5, rotary_scaling="llama3", rotary_factor=8.0
    )
    assert _core.Model(settings).configuration == settings


@pytest.mark.parametrize("key", configuration())
def test_a_missing_key_is_named(key: str) -> None:
    settings = configuration()
    del settings[key]
    with pytest.raises(ValueError, match=f"^configuration must have the key '{key}'"):
        _core.Model(settings)


@pytest.mark.parametrize("key", ["sliding_window", 3, None])
def test_a_surplus_key_is_named(key: Any) -> None:
    with pytest.raises(ValueError, match=f"^configuration has an unknown key: {key!r}"):
        _core.Model(configuration() | {key: 1})


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ([4], "must have 2 entries, got 1"),
        ([4, 0, 4], "must have 2 entries, got 3"),
        ([4, -1], "must be in .* got -1"),
        ([4, 2**40], "must be in .* got 1099511627776"),
        ([4, 0.5], "must hold integers, got 0.5"),
        ([4, float("nan")], "must hold integers, got nan"),
        ("4", "must be a sequence of numbers, got str"),
    ],
)
def test_windows_are_one_for_each_layer(windows: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^windows {words}"):
        _core.Model(configuration(windows=windows))


@pytest.mark.parametrize(
    ("layers", "words"),
    [([1], "must have 2 entries"), ([1, 2], r"must be in \[0, 1\], got 2")],
)
def test_rotary_layers_are_0_or_1_for_each_layer(layers: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^rotary_layers {words}"):
        _core.Model(configuration(rotary_layers=layers))


@pytest.mark.parametrize("settings", [None, [], "abc", 3, [("hidden_size", 1)]])
def test_a_configuration_is_a_dict(settings: Any) -> None:
    with pytest.raises(TypeError, match="^configuration must be a dict, got"):
        _core.Model(settings)


@pytest.mark.parametrize("key", INTEGERS)
@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1]])
def test_an_integer_field_takes_nothing_else(key: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{key} must be an integer, got"):
        _core.Model(configuration(**{key: value}))


@pytest.mark.parametrize("key", INTEGERS)
@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30])
def test_an_integer_field_has_32_bits(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{key} must be in .* got {value}"):
        _core.Model(configuration(**{key: value}))


@pytest.mark.parametrize("key", REALS)
@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_a_real_field_takes_nothing_else(key: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{key} must be a real number, got"):
        _core.Model(configuration(**{key: value}))


@pytest.mark.parametrize("key", FLAGS)
@pytest.mark.parametrize("value", [0, 1, None, "True"])
def test_a_flag_is_a_bool(key: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{key} must be a bool, got"):
        _core.Model(configuration(**{key: value}))


def test_an_unknown_rotary_scaling_lists_the_known() -> None:
    with pytest.raises(
        ValueError,
        match=r"^rotary_scaling must be one of 'default', 'linear', 'llama3', "
        "'longrope', got",
    ):
        _core.Model(configuration(rotary_scaling="yarn"))


@pytest.mark.parametrize(
    "key",
    [
        *("vocabulary_size", "hidden_size", "feed_forward_size", "layer_count"),
        *("head_count", "key_value_head_count", "head_size", "context_length"),
    ],
)
@pytest.mark.parametrize("value", [0, -1])
def test_a_size_is_positive(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"{key}.*{value}"):
        _core.Model(configuration(**{key: value}))


@pytest.mark.parametrize("key", ["norm_epsilon", "rotary_base"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_real_field_is_finite_and_positive(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        _core.Model(configuration(**{key: value}))


def test_a_model_beyond_the_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(MemoryError):
        _core.Model(
            configuration(vocabulary_size=2**28, hidden_size=4096, head_size=1024)
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"vocabulary_size": 2**28, "hidden_size": 2**28},
        {"feed_forward_size": 2**28, "hidden_size": 2**27, "layer_count": 8192},
        {"head_count": 2**14, "head_size": 2**14, "hidden_size": 2**28},
        {"context_length": 2**28, "head_size": 2**26},
    ],
)
def test_sizes_whose_products_overflow_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(MemoryError):
        _core.Model(configuration(**changes))


@pytest.mark.parametrize("key", ["head_size", "head_count", "key_value_head_count"])
@pytest.mark.parametrize("value", [2**61, 2**62 + 1, 2**63 - 1, -(2**63)])
def test_a_size_whose_products_no_integer_holds_is_refused(
    key: str, value: int
) -> None:
    with pytest.raises(ValueError, match=key):
        _core.Model(configuration(**{key: value}))


@pytest.mark.parametrize("count", [8193, 49410, 2**20, 2**28])
def test_more_layers_than_any_model_has_are_refused(count: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^layer_count must be in \[1, 8192\], got {count}"
    ):
        _core.Model(configuration(layer_count=count))


def test_tensors_of_many_layers_are_listed_and_written_in_linear_time() -> None:
    start = time.perf_counter()
    model = _core.Model(configuration(layer_count=8192))
    names = model.tensors("weight")
    for name, shape in names[::4]:
        model.write("weight", name, np.ones(shape, np.float32))
    assert len(names) == 9 * 8192 + 3
    # It takes two seconds; a search for each name would take minutes.
    assert time.perf_counter() - start < 30


def test_several_faults_come_in_one_message() -> None:
    settings = configuration(layer_count=0, head_size=3) | {"colour": 1}
    del settings["norm_epsilon"]
    with pytest.raises(ValueError, match="^configuration must have the key") as caught:
        _core.Model(settings)
    faults = str(caught.value).split("; ")
    named = ("norm_epsilon", "colour", "layer_count", "head_size")
    assert all(key in fault for key, fault in zip(named, faults, strict=True))


class Text(str):
    """Equal to nothing, so that a dict can hold one text twice."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'head_size'"):
        _core.Model(configuration() | {Text("head_size"): 4})


def test_what_is_given_back_is_plain_and_its_own() -> None:
    settings = configuration(head_size=np.int64(4), rotary_base=np.float32(100))
    model = _core.Model(settings)
    found = model.configuration
    assert found == settings
    assert {type(value) for value in found.values()} == {bool, int, float, str}
    found.clear()
    assert model.configuration == settings


@pytest.mark.parametrize("size", [2**61, 2**62, 2**63 - 1])
@pytest.mark.parametrize("key", ["head_size", "feed_forward_size", "rotary_size"])
def test_sizes_that_overflow_are_faults_of_every_family(key: str, size: int) -> None:
    tried = 0
    for fields in DESCRIPTIONS:
        if key in fields:
            tried += 1
            with pytest.raises((ValueError, MemoryError), match=key):
                _core.Model(fields | {key: size})
    assert tried or key == "rotary_size"
