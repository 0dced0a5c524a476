"""Tensors of torch where `drift` wants arrays."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.drift.rows import layer_rows, rows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.reference

X = np.random.default_rng(0).normal(size=(3, 12, 4)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("grad", [False, True])
def test_a_tensor_is_taken_in_every_dtype(dtype, grad) -> None:
    tensor = torch.tensor(X[0], dtype=getattr(torch, dtype), requires_grad=grad)
    expected = tensor.detach().double().numpy()
    np.testing.assert_array_equal(rows(tensor, "x"), expected)
    other = torch.tensor(X[1], dtype=getattr(torch, dtype), requires_grad=grad)
    found = drift.mmd(tensor, other, permutations=9)
    plain = drift.mmd(
        rows(tensor, "x").astype(np.float32),
        rows(other, "y").astype(np.float32),
        permutations=9,
    )
    assert found.statistic == pytest.approx(plain.statistic, rel=1e-5, abs=1e-8)


def test_views_and_lists_of_tensors_are_taken() -> None:
    whole = torch.tensor(X, dtype=torch.bfloat16, requires_grad=True)
    expected = whole.detach().float().numpy()
    turned = rows(whole[0].T, "x")
    np.testing.assert_array_equal(turned, expected[0].T)
    for value in (whole, list(whole), [each.detach() for each in whole]):
        layers = layer_rows(value, "x", layers=3, width=4)
        np.testing.assert_array_equal(np.stack(layers), expected)


def test_ids_and_groups_may_be_tensors() -> None:
    accumulator = drift.Accumulator(4)
    accumulator.update(
        torch.tensor(X[0]),
        torch.tensor(X[1]),
        ids=torch.arange(12),
        groups=torch.arange(12) % 2,
    )
    assert accumulator.prompts == 12
    assert accumulator.groups == {"0": 6, "1": 6}


def test_a_dtype_that_numpy_lacks_names_the_remedy() -> None:
    tensor = torch.zeros(2, 2, dtype=torch.float8_e5m2)
    with pytest.raises(TypeError, match=r"x must be .*x\.float\(\)"):
        rows(tensor, "x")
