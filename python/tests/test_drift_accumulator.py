"""The accumulator against float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest
from drift_accumulators import LAYERS, PER, PROMPTS, WIDTH, filled, pair, value

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.drift.ids import keys_of


def test_table_metrics_equal_numpy():
    x, y, _ = pair()
    report = filled().report(tests=[], permutations=9)
    for layer in range(LAYERS):
        a, b = x[layer], y[layer]
        delta = b - a
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        expected = {
            "relative_drift": np.sqrt((delta**2).sum() / (a**2).sum()),
            "rms": np.sqrt((delta**2).mean()),
            "mean_l2": np.linalg.norm(delta, axis=1).mean(),
            "cosine": cosine.mean(),
            "hed_rms": np.sqrt((delta**2).mean()),
            "hed_paper": np.linalg.norm(delta),
            "hed_vaccine_code": (delta**2).sum(),
            "hed_booster_code": np.linalg.norm(delta),
            "mean_shift": np.linalg.norm(delta.mean(0)),
            "mahalanobis": np.sqrt((delta.mean(0) ** 2 / a.var(0, ddof=1)).sum()),
            "translation_share": len(a) * (delta.mean(0) ** 2).sum() / (delta**2).sum(),
        }
        for name, number in expected.items():
            assert value(report, name, layer) == pytest.approx(number, rel=1e-12), name
    overall = report.to_dict()["overall"]
    assert overall["hed_vaccine_code"]["value"] == pytest.approx(((y - x) ** 2).sum())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_dtype_is_read_exactly(dtype):
    x, y, ids = pair(dtype=dtype)
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, y, ids=ids)
    delta = y[0].astype(np.float64) - x[0]
    assert value(acc.report(tests=[], permutations=0), "rms") == pytest.approx(
        np.sqrt((delta**2).mean()), rel=1e-12
    )


def test_bfloat16_is_read_exactly():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x, y, ids = pair(dtype=ml_dtypes.bfloat16)
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, y, ids=ids)
    delta = y[0].astype(np.float64) - x[0].astype(np.float64)
    assert value(acc.report(tests=[], permutations=0), "rms") == pytest.approx(
        np.sqrt((delta**2).mean()), rel=1e-12
    )


def test_prompts_may_come_in_any_order_and_mixed():
    x, y, ids = pair()
    rng = np.random.default_rng(1)
    # The rows of a prompt keep their order; those of others come between.
    order = np.argsort(rng.permuted(ids), kind="stable")
    order[np.argsort(ids[order], kind="stable")] = np.arange(len(ids))
    rows = np.argsort(order)
    mixed = drift.Accumulator(width=WIDTH, layers=LAYERS, tier="full")
    mixed.update(x[:, rows], y[:, rows], ids=ids[rows], groups={"a": ids[rows] < 10})
    assert (np.diff(ids[rows]) != 0).sum() > 2 * PROMPTS
    whole, other = (
        each.report(permutations=99).to_dict() for each in (filled("full"), mixed)
    )
    assert whole["tests"] == other["tests"]
    assert whole["prompts"] == other["prompts"]
    for name, entry in whole["layers"][1].items():
        assert other["layers"][1][name]["value"] == pytest.approx(
            entry["value"], rel=1e-12, abs=1e-12
        ), name


@pytest.mark.parametrize(
    "given", [list, np.ndarray.tolist, lambda ids: ids.astype(np.uint64)]
)
def test_ids_of_every_kind_are_the_same_prompts(given):
    x, y, ids = pair()
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, y, ids=given(ids), groups={"a": ids < 10})
    mine, theirs = (each.report(permutations=9).to_dict() for each in (acc, filled()))
    assert repr(mine["layers"]) == repr(theirs["layers"])
    assert mine["prompts"] == theirs["prompts"]


def test_keys_of_integers_are_their_own_and_no_text_is_one_of_them():
    prompts = [0, 5, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, -(2**70), "5", "-1"]
    keys = keys_of(prompts)
    assert keys[:5].tolist() == [0, 5, 2**64 - 1, 2**63 - 1, 2**63]
    assert len(set(keys.tolist())) == len(prompts)
    for each in ([], prompts[:5], prompts[:8]):
        assert keys_of(each).tolist() == keys.tolist()[: len(each)]


def test_results_do_not_depend_on_threads():
    before = vs.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            vs.set_num_threads(threads)
            results.append(filled("full").report(permutations=99).to_dict())
    finally:
        vs.set_num_threads(before)
    for each in results:
        del each["settings"]
    assert repr(results[0]) == repr(results[1]) == repr(results[2])


def test_bounds_stay_in_the_range_of_their_metric():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 6)) * np.array([20, 9, 5, 3, 2, 1])
    y = x + rng.normal(size=x.shape) * rng.exponential(0.5, (60, 1)) ** 3 + 0.02
    acc = drift.Accumulator(width=6, tier="full", energy={"all": np.eye(6)[:5]})
    acc.update(x, y, ids=range(60))
    entries = acc.report(tests=[]).to_dict()["layers"][0]
    shares = ("cka_biased", "cca", "svcca", "pwcca", "linear_residual")
    shares += ("subspace_overlap", "translation_share", "energy_all")
    ranges = dict.fromkeys(shares, (0, 1)) | {"cka": (-np.inf, 1)}
    angles = ("procrustes_angle", "principal_angle")
    ranges |= dict.fromkeys(angles, (0, np.pi / 2))
    distances = ("procrustes", "frechet", "mean_shift", "mahalanobis")
    ranges |= dict.fromkeys(distances, (0, np.inf))
    for side in ("reference", "current"):
        ranges[f"effective_rank_{side}"] = ranges[f"participation_ratio_{side}"] = (
            1,
            6,
        )
    for name, (least, most) in ranges.items():
        entry = entries[name]
        assert least <= entry["low"] <= entry["value"] <= entry["high"] <= most, name
    # Here half the width of the interval is larger than what is left to the end.
    for name in ("translation_share", "procrustes", "linear_residual"):
        entry = entries[name]
        assert entry["low"] == 0 < entry["high"] - entry["value"] > entry["value"], name


def test_energy_is_the_share_of_the_change_along_directions():
    x, y, _ = pair()
    directions = np.random.default_rng(5).normal(size=(3, WIDTH))
    report = filled("full", energy={"three": directions}).report(tests=[])
    basis = np.linalg.qr(directions.T)[0]
    delta = y[0] - x[0]
    expected = ((delta @ basis) ** 2).sum() / (delta**2).sum()
    assert value(report, "energy_three") == pytest.approx(expected, rel=1e-10)


def test_sides_of_different_dtypes_and_prompts_of_any_length_equal_numpy():
    rng = np.random.default_rng(8)
    x = rng.normal(3, 1, (37, 13)).astype(np.float16)
    y = rng.normal(3, 1, (37, 13)).astype(np.float32)
    ids = np.repeat(["a", "b", "c", "d"], [1, 5, 11, 20])
    acc = drift.Accumulator(width=13, tier="full")
    acc.update(x, y, ids=ids[::-1])
    a, b = x.astype(np.float64), y.astype(np.float64)
    report = acc.report(tests=[], permutations=0)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert value(report, "cosine") == pytest.approx(cosine.mean(), rel=1e-12)
    expected = np.sqrt(((b.mean(0) - a.mean(0)) ** 2 / a.var(0, ddof=1)).sum())
    acc = drift.Accumulator(width=13)
    acc.update(x, y, ids=ids[::-1])
    light = acc.report(tests=[], permutations=0)
    assert value(light, "mahalanobis") == pytest.approx(expected, rel=1e-12)


def test_float16_sums_that_overflow_float16_do_not_here():
    x = np.full((64, 32), 60_000, np.float16)
    acc = drift.Accumulator(width=32)
    acc.update(x, -x, ids=range(64))
    report = acc.report(tests=[], permutations=0)
    assert value(report, "relative_drift") == 2.0
    assert value(report, "hed_vaccine_code") == 64 * 32 * 120_000.0**2


def hsic(x, y):
    """The unbiased estimator of Song et al. 2012, Eq. 4, for linear kernels."""
    n = len(x)
    a, b = (x**2).sum(1), (y**2).sum(1)
    rows_x, rows_y = x @ x.sum(0) - a, y @ y.sum(0) - b
    trace = ((x.T @ y) ** 2).sum() - a @ b
    between = rows_x.sum() * rows_y.sum() / ((n - 1) * (n - 2))
    return (trace + between - 2 / (n - 2) * rows_x @ rows_y) / (n * (n - 3))


def test_second_moments_of_several_blocks_and_tiles_equal_numpy():
    rng = np.random.default_rng(9)
    x = rng.normal(5, 1, (5000, 400)).astype(np.float32)
    y = (x + 0.1 * rng.normal(size=x.shape)).astype(np.float32)
    acc = drift.Accumulator(width=400, tier="full", folds=2)
    acc.update(x, y, ids=range(5000))
    report = acc.report(tests=[], permutations=0, intervals=False)
    a, b = (side - side.mean(0) for side in (x.astype(float), y.astype(float)))
    norms = [np.linalg.norm(s.T @ t) for s, t in ((a, b), (a, a), (b, b))]
    expected = norms[0] ** 2 / norms[1] / norms[2]
    assert value(report, "cka_biased") == pytest.approx(expected, rel=1e-12)
    debiased = hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))
    assert value(report, "cka") == pytest.approx(debiased, rel=1e-11)


def test_views_and_read_only_arrays_are_read():
    x, y, ids = pair()
    wide = np.zeros((LAYERS, PROMPTS * PER, 2 * WIDTH))
    wide[:, :, ::2] = y
    x.flags.writeable = False
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, wide[:, :, ::2], ids=ids)
    assert value(acc.report(tests=[]), "rms") == value(filled().report(tests=[]), "rms")
