"""Metrics of rows by a call: against numpy in float64, and the report's."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift

RNG = np.random.default_rng(5)
FUNCTIONS = ("cosine", "relative_drift", "mean_l2")


def plain(x, y) -> dict[str, float]:
    x, y = x.astype(np.float64), y.astype(np.float64)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    delta = y - x
    return {
        "cosine": np.mean((x * y).sum(1) / norms),
        "relative_drift": np.sqrt((delta**2).sum() / (x**2).sum()),
        "mean_l2": np.mean(np.linalg.norm(delta, axis=1)),
    }


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (4001, 300)])
def test_they_are_the_expressions_in_double_precision(dtype, shape) -> None:
    x = RNG.normal(size=shape).astype(dtype)
    y = (x + RNG.normal(size=shape)).astype(dtype)
    for name, value in plain(x, y).items():
        assert getattr(drift, name)(x, y) == pytest.approx(value, rel=1e-12)
    rms = np.sqrt(np.mean((y.astype(float) - x.astype(float)) ** 2))
    assert drift.hed(x, y) == pytest.approx(rms, rel=1e-12)


def test_sides_of_two_dtypes_are_compared() -> None:
    x = RNG.normal(size=(50, 9)).astype(np.float16)
    y = RNG.normal(size=(50, 9))
    for name, value in plain(x, y).items():
        assert getattr(drift, name)(x, y) == pytest.approx(value, rel=1e-12)


def test_zero_rows_and_one_side_of_zeros() -> None:
    x = np.array([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]])
    y = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 3.0]])
    assert drift.cosine(x, y) == pytest.approx((1 + 0 + 24 / 25) / 3, rel=1e-15)
    none = drift.relative_drift(np.zeros((4, 2)), np.ones((4, 2)))
    assert np.isnan(none)
    assert none.reason


@pytest.mark.parametrize("name", FUNCTIONS)
def test_with_ids_they_are_the_report_s(name) -> None:
    x = RNG.normal(size=(60, 6))
    y = x + RNG.normal(size=x.shape) / 4
    ids = np.repeat(np.arange(20), 3)
    accumulator = drift.Accumulator(6)
    accumulator.update(x, y, ids=ids)
    expected = accumulator.report(tests=[]).to_dict()["layers"][0][name]
    found = getattr(drift, name)(x, y, ids=ids)
    assert (found, *found.interval) == pytest.approx(
        (expected["value"], expected["low"], expected["high"]), rel=1e-12
    )
    low, high = getattr(drift, name)(x, y, ids=ids, confidence=0.5).interval
    assert found.interval[0] < low < found < high < found.interval[1]


def test_what_does_not_fit_is_named() -> None:
    x = np.ones((5, 3))
    with pytest.raises(ValueError, match="y must have the shape of x"):
        drift.cosine(x, x[:4])
    changed = x.copy()
    changed[2, 1] = np.inf
    with pytest.raises(ValueError, match=r"y must be finite.*row 2, column 1"):
        drift.mean_l2(x, changed)
    with pytest.raises(ValueError, match="confidence must"):
        drift.cosine(x, x, confidence=1.0)
    with pytest.raises(ValueError, match="ids must have one id for each of 5 rows"):
        drift.cosine(x, x, ids=range(4))


@pytest.mark.parametrize("threads", [1, 3])
def test_they_do_not_depend_on_the_threads(threads) -> None:
    import vaccine_swift as vs

    x = RNG.normal(size=(9000, 96)).astype(np.float32)
    y = x + RNG.normal(size=x.shape).astype(np.float32)
    before = vs.get_num_threads()
    expected = [getattr(drift, name)(x, y) for name in FUNCTIONS]
    try:
        vs.set_num_threads(threads)
        assert [getattr(drift, name)(x, y) for name in FUNCTIONS] == expected
    finally:
        vs.set_num_threads(before)
