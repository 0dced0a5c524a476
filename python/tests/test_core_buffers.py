"""Arrays that go into the binary module."""

from __future__ import annotations

import array
import ctypes
import itertools
import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from core_support import STEP, configuration, random_model, small_batch

from vaccine_swift import _core

NAME = "model.layers.0.self_attn.q_proj.weight"
IDS = [3, 1, 4, 1, 5]
REFUSED_DTYPES = [
    "bool",
    "complex64",
    "object",
    "U2",
    "S2",
    "datetime64[s]",
    "longdouble",
]


@pytest.fixture(scope="module")
def model() -> _core.Model:
    return random_model()


def misaligned(values: np.ndarray) -> np.ndarray:
    raw = bytearray(values.nbytes + 1)
    view = np.frombuffer(raw, values.dtype, offset=1)
    view[:] = values.ravel()
    return view.reshape(values.shape)


def read_only(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


LAYOUTS = {
    "contiguous": lambda a: a,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "fortran": np.asfortranarray,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "misaligned": misaligned,
    "read-only": lambda a: read_only(a.copy()),
    "memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "list": lambda a: a.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]
)
def test_logits_do_not_depend_on_the_form_of_the_ids(
    model: _core.Model, dtype: str, layout: str
) -> None:
    expected = np.asarray(model.logits(np.array(IDS, np.int32)))
    ids = LAYOUTS[layout](np.array(IDS, dtype))
    np.testing.assert_array_equal(np.asarray(model.logits(ids)), expected)


@pytest.mark.parametrize(
    "ids",
    [
        array.array("i", IDS),
        array.array("q", IDS),
        array.array("l", IDS),
        (ctypes.c_int32 * 5)(*IDS),
        (ctypes.c_int64 * 5)(*IDS),
        bytearray(IDS),
        tuple(IDS),
        range(1, 6),
    ],
    ids=lambda ids: type(ids).__name__,
)
def test_any_buffer_or_sequence_of_integers_is_accepted(
    model: _core.Model, ids: Any
) -> None:
    expected = np.asarray(model.logits(np.array(list(ids), np.int32)))
    np.testing.assert_array_equal(np.asarray(model.logits(ids)), expected)


BUFFER_DTYPES = ["float16", "float32", "float64", "int16", "uint64"]
OTHER_DTYPES = [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn]
# The buffer protocol has no format for the other dtypes.
DTYPES_IN_LAYOUTS = [
    *itertools.product(BUFFER_DTYPES, LAYOUTS),
    *itertools.product(OTHER_DTYPES, sorted(LAYOUTS.keys() - {"memoryview"})),
]


@pytest.mark.parametrize(("dtype", "layout"), DTYPES_IN_LAYOUTS)
def test_a_written_tensor_is_read_back_in_float32(dtype: Any, layout: str) -> None:
    model = _core.Model(configuration())
    values = np.arange(16 * 16).reshape(16, 16).astype(dtype)
    model.write("weight", NAME, LAYOUTS[layout](values))
    np.testing.assert_array_equal(
        np.asarray(model.read("weight", NAME)), values.astype(np.float32)
    )


def test_inputs_are_never_written() -> None:
    model = random_model()
    inputs = [read_only(part.copy()) for part in small_batch()]
    gradient = read_only(np.ones((2, 3), np.float32))
    before = [part.copy() for part in inputs]
    model.forward_backward(*inputs, **STEP)
    model.loss(*inputs)
    _core.perturbation([gradient], 2.0)
    for part, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(part, copy)
    np.testing.assert_array_equal(gradient, 1)


def allocated_by_write(values: np.ndarray) -> int:
    model = _core.Model(
        configuration(vocabulary_size=4096, hidden_size=64, head_size=16)
    )
    tracemalloc.start()
    model.write("weight", "lm_head.weight", values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_contiguous_float32_is_not_copied() -> None:
    values = np.ones((4096, 64), np.float32)
    assert allocated_by_write(values) < 10_000
    assert allocated_by_write(values.astype(np.float64)) >= values.nbytes


@pytest.mark.parametrize("dtype", [*REFUSED_DTYPES, "float32", "float64", "uint64"])
@pytest.mark.parametrize("name", ["input_ids", "labels", "offsets"])
def test_what_is_no_integer_is_refused_by_name(
    model: _core.Model, name: str, dtype: str
) -> None:
    parts = dict(zip(["input_ids", "labels", "offsets"], small_batch(), strict=True))
    parts[name] = np.ones(3, dtype)
    with pytest.raises(
        TypeError, match=f"^{name} must be an array of integers, got dtype"
    ):
        model.loss(**parts)


@pytest.mark.parametrize("dtype", REFUSED_DTYPES)
def test_what_is_no_real_number_is_refused_by_name(
    model: _core.Model, dtype: str
) -> None:
    values = np.ones((16, 16), dtype)
    with pytest.raises(
        TypeError, match=r"^values must be an array of real numbers, got"
    ):
        model.write("weight", NAME, values)
    with pytest.raises(TypeError, match=r"^gradients must be an array of real numbers"):
        _core.perturbation([values], 1.0)


@pytest.mark.parametrize(
    "values", [None, object(), {1: 2}, "abc", b"abc", [[1], [1, 2]], {1, 2}]
)
def test_what_is_no_array_is_refused_by_name(model: _core.Model, values: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^input_ids must be an array of integers, got"
    ):
        model.logits(values)


@pytest.mark.parametrize(
    "ids", [np.int32(3), np.array(3), 3, [[1, 2]], np.ones((1, 1, 1), int)]
)
def test_ids_of_another_dimension_are_refused(model: _core.Model, ids: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^input_ids must be a 1-D array of integers, got"
    ):
        model.logits(ids)


@pytest.mark.parametrize("shape", [(), (2, 3, 4, 5)])
def test_gradients_have_one_to_three_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"^gradients must be an array of real numbers with"
    ):
        _core.perturbation([np.ones(shape, np.float32)], 1.0)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 0)])
def test_an_empty_tensor_is_refused(model: _core.Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^values must not be empty"):
        model.write("weight", NAME, np.ones(shape, np.float32))


def test_what_a_conversion_raises_is_the_cause(model: _core.Model) -> None:
    class Broken:
        def __array__(self, *arguments: Any, **options: Any) -> Any:
            raise RuntimeError("broken on purpose")

    with pytest.raises(TypeError, match=r"^input_ids .* got Broken") as failure:
        model.logits(Broken())
    assert isinstance(failure.value.__cause__, RuntimeError)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_an_exception_that_is_no_conversion_failure_passes(
    model: _core.Model, kind: type[BaseException]
) -> None:
    class Stopped:
        def __array__(self, *arguments: Any, **options: Any) -> Any:
            raise kind

    with pytest.raises(kind):
        model.logits(Stopped())


def test_perturbation_keeps_shape_and_total_norm() -> None:
    generator = np.random.default_rng(0)
    gradients = [generator.normal(size=shape) for shape in [(5,), (2, 3), (2, 3, 4)]]
    outputs = [np.asarray(part) for part in _core.perturbation(gradients, 2.0)]
    norm = np.sqrt(sum(float((part**2).sum()) for part in gradients))
    for output, gradient in zip(outputs, gradients, strict=True):
        np.testing.assert_allclose(output, gradient * 2 / (norm + 1e-7), rtol=1e-6)


@pytest.mark.parametrize(
    "array", [np.zeros((3, 2), "V0"), np.zeros((3, 2), []), np.zeros(6, "V0")]
)
def test_elements_of_no_bytes_are_refused(array: np.ndarray) -> None:
    """By the drift functions' inputs and outputs, and by a model's."""
    rows = np.ones((3, 2))
    with pytest.raises(ValueError, match="state must hold"):
        _core.drift_unpaired(rows, None, array)
    with pytest.raises(ValueError, match="states must hold"):
        _core.drift_vector_folds(array, 1, 2)
    with pytest.raises((TypeError, ValueError), match="reference must be"):
        _core.drift_row_metrics(array, rows, np.zeros(0, np.int64), np.zeros(0))
    with pytest.raises(TypeError, match="gradients"):
        _core.perturbation([array], 1.0)
