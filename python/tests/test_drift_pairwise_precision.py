"""Pairwise functions against float64 where float32 would lose what matters.

Tolerance: 1e-4 of the value, or of the spread of the permutations where the value
itself is chance.
"""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift

N, M, D = 300, 260, 16


def ordinary(seed=0, n=N, m=M, d=D):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1.1 * rng.normal(size=(m, d)) + 0.1


def with_outliers(size):
    x, y = ordinary()
    x[::50, 3] += size
    y[::50, 3] += size
    return x, y


def huge_column():
    x, y = ordinary()
    x[:, 2] *= 1e7
    y[:, 2] *= 1e7
    return x, y


def clusters():
    """Tight clusters, far apart, with rows of either side in each."""
    x, y = ordinary()
    centres = np.random.default_rng(1).normal(size=(6, D)) * 1e4
    return x + centres[np.arange(N) % 6], y + centres[np.arange(M) % 6]


def two_clusters(size):
    """Far apart; most pairs are within one, though not of every eighth row."""
    x, y = ordinary()
    rows = np.arange(N + M)
    far = np.where(rows % 8 == 0, rows // 8 % 2 == 0, rows % 5 < 2)[:, None] * size
    return x + far[:N], y + far[N:]


def near_duplicates():
    x, _ = ordinary()
    return x, x[:M] + 1e-4 * np.random.default_rng(2).normal(size=(M, D))


def spread_of_scales():
    """Row norms over twelve orders of magnitude."""
    x, y = ordinary()
    scale = 10.0 ** np.random.default_rng(3).uniform(-6, 6, N + M)[:, None]
    return x * scale[:N], y * scale[N:]


CASES = {
    "ordinary": ordinary,
    "outliers of 1e5": lambda: with_outliers(1e5),
    "outliers of 1e6": lambda: with_outliers(1e6),
    "an outlier of 1e30": lambda: with_outliers(1e30),
    "offset of 1e6": lambda: tuple(side + 1e6 for side in ordinary()),
    "offset of 1e9": lambda: tuple(side + 1e9 for side in ordinary()),
    "huge column": huge_column,
    "clusters": clusters,
    "two clusters": lambda: two_clusters(1e4),
    "two clusters, 1e8 apart": lambda: two_clusters(1e8),
    "near duplicates": near_duplicates,
    "spread of scales": spread_of_scales,
    "tiny": lambda: tuple(side * 1e-20 for side in ordinary()),
    "huge": lambda: tuple(side * 1e30 for side in ordinary()),
    "one column": lambda: ordinary(d=1),
    "wide": lambda: ordinary(n=60, m=50, d=2000),
    "float32": lambda: tuple(side.astype(np.float32) for side in with_outliers(1e5)),
    "float16": lambda: tuple(side.astype(np.float16) for side in with_outliers(1e4)),
    "two dtypes": lambda: (ordinary()[0].astype(np.float32), ordinary()[1]),
}


@pytest.fixture(params=CASES)
def pair(request):
    return CASES[request.param]()


def squares(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.concatenate([((row - b) ** 2).sum(-1)[None] for row in a])


def expect(result, value):
    tolerance = 1e-4 * max(abs(value), result.null_std)
    assert abs(result.statistic - value) <= tolerance, (result, value)


def energy(x, y):
    xx, yy, xy = (np.sqrt(squares(*each)) for each in ((x, x), (y, y), (x, y)))
    return 2 * xy.mean() - xx.mean() - yy.mean()


def mmd(x, y, sigma):
    n, m = len(x), len(y)
    kernels = [
        np.exp(-squares(*each) / (2 * sigma**2)) for each in ((x, x), (y, y), (x, y))
    ]
    for kernel in kernels[:2]:
        np.fill_diagonal(kernel, 0)
    xx, yy, xy = kernels
    return xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * xy.mean()


def test_energy_distance(pair):
    x, y = pair
    expect(drift.energy_distance(x, y, permutations=99), energy(x, y))


@pytest.mark.parametrize("size", [100, 1e3, 1e5, 1e6])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_energy_distance_within_clusters_of_equal_shares(size, count):
    """The large distances, between clusters, are equal on average and cancel."""
    rng = np.random.default_rng(5)
    centres = size * rng.normal(size=(count, D))
    x = rng.normal(size=(300, D)) + centres[np.arange(300) % count]
    y = rng.normal(size=(240, D)) + centres[np.arange(240) % count] + 0.1
    found = drift.energy_distance(x, y, permutations=9).statistic
    assert found == pytest.approx(energy(x, y), rel=1e-4)


@pytest.mark.parametrize("factor", [1, 0.2, 5, 50])
def test_mmd(pair, factor):
    x, y = pair
    pooled = np.concatenate([np.asarray(side, np.float64) for side in pair])
    distances = squares(pooled, pooled)[np.triu_indices(len(pooled), 1)]
    sigma = np.sqrt(np.median(distances) / 2)
    if factor == 1:
        result = drift.mmd(x, y, permutations=99)
        assert result.details["bandwidths"] == pytest.approx([sigma], rel=1e-6)
    else:
        result = drift.mmd(x, y, permutations=99, bandwidth=sigma * factor)
    expect(result, mmd(x, y, sigma * factor))


@pytest.mark.parametrize("k", [1, 10])
def test_neighbours(pair, k):
    x, y = pair[0][:250], pair[1][:250]
    x, y = x[: len(y)], y[: len(x)]

    def nearest(side):
        distances = squares(side, side)
        np.fill_diagonal(distances, np.inf)
        return np.argsort(distances, 1, kind="stable")[:, :k]

    shares = [
        len(set(a) & set(b)) / k
        for a, b in zip(nearest(x).tolist(), nearest(y).tolist(), strict=True)
    ]
    assert drift.knn_overlap(x, y, k=k) == pytest.approx(np.mean(shares), abs=1e-12)


def test_paired_mmd_of_rows_that_hardly_moved():
    x, _ = with_outliers(1e5)
    y = x + 0.5 * np.random.default_rng(4).normal(size=x.shape)
    xx, yy, xy = (np.exp(-squares(*each) / 32) for each in ((x, x), (y, y), (x, y)))
    h = xx + yy - xy - xy.T
    np.fill_diagonal(h, 0)
    result = drift.mmd(x, y, bandwidth=4.0, paired=True, permutations=99)
    expect(result, h.sum() / (N * (N - 1)))


def test_null_draws_are_those_of_float64():
    """All groups of one row: the permutations are those of the rows."""
    x, y = with_outliers(1e6)
    large = drift.energy_distance(x, y, permutations=199)
    scaled = drift.energy_distance(x * 2.0**-30, y * 2.0**-30, permutations=199)
    assert scaled.p_value == large.p_value
    assert scaled.null_std * 2**30 == pytest.approx(large.null_std, rel=1e-9)


def test_energy_distance_of_a_set_with_itself_is_0():
    x, _ = ordinary()
    result = drift.energy_distance(x, x, permutations=99)
    assert abs(result.statistic) <= 1e-4 * result.null_std


def test_squares_that_overflow_are_refused():
    x, y = (side * 1e200 for side in ordinary())
    for test in (drift.energy_distance, drift.mmd, drift.knn_overlap):
        with pytest.raises(ValueError, match="squared distances overflow float64"):
            test(x[:M], y)
