"""Second moments of fewer rows than columns, seen in a basis of the rows' span."""

from __future__ import annotations

import numpy as np
import pytest
from core_support import run_script

from vaccine_swift import _core, drift

CALLS = {
    "cka": drift.cka,
    "cka_biased": lambda x, y, **o: drift.cka(x, y, debiased=False, **o),
    "procrustes": drift.procrustes,
    "procrustes_angle": lambda x, y, **o: drift.procrustes(x, y, angle=True, **o),
    "subspace_overlap": drift.subspace_overlap,
    "principal_angle": drift.principal_angle,
    "frechet": drift.frechet_distance,
}


def pair(n: int, d: int, step: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1, 0.02, d)
    x = rng.normal(size=(n, d)) * scale + 3
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return x, x + step * (x @ turn + rng.normal(size=(n, d)) * scale + 0.5)


def oracle(x, y):
    """From the Gram matrices, and from singular vectors, by numpy."""
    n = len(x)
    a, b = x - x.mean(0), y - y.mean(0)
    k, m = a @ a.T, b @ b.T
    cross = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    top = [np.linalg.svd(each)[2][: min(10, n - 1)] for each in (a, b)]
    cosines = np.linalg.svd(top[0] @ top[1].T, compute_uv=False)
    rest = top[1] - top[1] @ top[0].T @ top[0]
    shares = np.linalg.svd(a, compute_uv=False) ** 2 / np.trace(k)
    shares = shares[shares > 0]
    roots = np.linalg.svd(a @ b.T, compute_uv=False).sum() / (n - 1)
    shift = x.mean(0) - y.mean(0)
    return {
        "cka_biased": (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m),
        "procrustes": np.trace(k) + np.trace(m) - 2 * cross,
        "procrustes_angle": np.arccos(cross / np.sqrt(np.trace(k) * np.trace(m))),
        "subspace_overlap": (cosines**2).mean(),
        "principal_angle": np.arctan2(
            np.linalg.svd(rest, compute_uv=False)[0], cosines[-1]
        ),
        # tr (Cx^½ Cy Cx^½)^½ is the nuclear norm of Cx^½ Cy^½, that of a bᵀ / (n − 1).
        "frechet": shift @ shift + (np.trace(k) + np.trace(m)) / (n - 1) - 2 * roots,
        "effective_rank_reference": np.exp(-(shares * np.log(shares)).sum()),
        "participation_ratio_current": np.trace(m) ** 2 / (m**2).sum(),
    }


@pytest.mark.parametrize(("n", "d"), [(5, 11), (30, 61), (40, 300)])
@pytest.mark.parametrize("step", [0.7, 1e-3])
def test_metrics_are_those_of_numpy(n: int, d: int, step: float) -> None:
    x, y = pair(n, d, step)
    expected = oracle(x, y)
    found = {name: call(x, y) for name, call in CALLS.items()}
    found["effective_rank_reference"] = drift.effective_rank(x)
    found["participation_ratio_current"] = drift.participation_ratio(y)
    for name, value in expected.items():
        scale = max(1.0, abs(value)) if name != "principal_angle" else value
        # What cancels in the traces of a small step, 2⁻⁵² of them, beside 1e-9.
        assert abs(found[name] - value) <= 1e-9 * scale, name


@pytest.mark.parametrize(("n", "d", "step"), [(12, 40, 0.5), (33, 90, 0.05)])
def test_metrics_are_those_of_the_whole_width(n: int, d: int, step: float) -> None:
    x, y = pair(n, d, step, seed=1)
    whole = drift.Accumulator(d, tier="full")
    whole.update(x, y, ids=range(n))
    entries = whole.report(tests=[]).to_dict()["layers"][0]
    for name, call in CALLS.items():
        found = call(x, y, ids=range(n))
        entry = entries[name]
        assert float(found) == pytest.approx(entry["value"], rel=1e-8, abs=1e-8), name
        for bound, expected in zip(
            found.interval, (entry["low"], entry["high"]), strict=True
        ):
            assert bound == pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", ["cca", "svcca", "pwcca", "linear_residual"])
def test_what_needs_more_rows_than_columns_still_says_so(name: str) -> None:
    x, y = pair(12, 40, 0.5)
    found = getattr(drift, name)(x, y)
    assert np.isnan(found)
    assert "rows" in found.reason


def test_sets_of_unequal_sizes_keep_their_distance() -> None:
    x, _ = pair(20, 200, 1)
    y = pair(31, 200, 1, seed=2)[0] + 4
    a, b = x - x.mean(0), y - y.mean(0)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt(19 * 30)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() - 2 * cross
    expected += (a**2).sum() / 19 + (b**2).sum() / 30
    assert drift.frechet_distance(x, y) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", ["cka", "procrustes", "frechet_distance"])
def test_a_turn_of_the_columns_changes_nothing(name: str) -> None:
    x, y = pair(25, 120, 0.3)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(120, 120)))[0]
    call = getattr(drift, name)
    assert call(x @ turn, y @ turn) == pytest.approx(float(call(x, y)), rel=1e-9)


@pytest.mark.parametrize("side", ["x", "y"])
def test_an_element_that_is_not_finite_is_found(side: str) -> None:
    x, y = pair(9, 50, 1)
    (x if side == "x" else y)[4, 31] = np.inf
    for call in (drift.cka, drift.procrustes, drift.frechet_distance):
        with pytest.raises(
            ValueError, match=rf"^{side} must be finite.*row 4, column 31"
        ):
            call(x, y)
    with pytest.raises(ValueError, match="x must be finite"):
        drift.effective_rank(x if side == "x" else y)


def test_what_does_not_fit_is_refused_with_its_size(monkeypatch) -> None:
    x, y = pair(60, 20, 1)
    monkeypatch.setattr(_core, "available_memory", lambda: 10_000)
    with pytest.raises(MemoryError, match="moments of 20 columns take about"):
        drift.cka(x, y)
    with pytest.raises(MemoryError, match="20 rows in a basis of their own"):
        drift.procrustes(*pair(20, 60, 1))
    with pytest.raises(MemoryError, match="moments of 20 columns"):
        drift.participation_ratio(x)


def test_rows_of_32768_columns_take_the_memory_of_their_span() -> None:
    """Second moments of the whole width would be 24 GB."""
    run_script(
        """
        import numpy as np
        from pathlib import Path
        from vaccine_swift import drift

        def peak():
            status = Path("/proc/self/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) / 1024

        rng = np.random.default_rng(0)
        x = rng.standard_normal((100, 32768), dtype=np.float32)
        y = x + rng.standard_normal((100, 32768), dtype=np.float32)
        before = peak()
        cka = drift.cka(x, y, debiased=False, ids=range(100))
        drift.procrustes(x, y)
        drift.frechet_distance(x, y)
        drift.effective_rank(x)
        assert peak() - before < 150, peak() - before
        a, b = x - x.mean(0, dtype=np.float64), y - y.mean(0, dtype=np.float64)
        k, m = a @ a.T, b @ b.T
        expected = (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)
        assert abs(cka - expected) < 1e-10
        """
    )
