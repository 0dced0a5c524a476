"""Similarity functions and HED against float64 numpy, and their laws."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift

N, D = 60, 7


def pair(seed: int = 0, n: int = N, d: int = D):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * np.linspace(1, 3, d) + 5
    return x, 0.7 * x @ rng.normal(size=(d, d)) / np.sqrt(d) + rng.normal(size=(n, d))


def centred(x):
    return x - x.mean(0)


def unbiased_hsic(x, y):
    """Song et al. 2012, Eq. 5, from the Gram matrices."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    one = np.ones(n)
    total = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / (n - 1) / (n - 2)
    return (total - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))


def root(s, power=0.5):
    values, vectors = np.linalg.eigh(s)
    return vectors * np.clip(values, 1e-300, None) ** power @ vectors.T


def correlations(x, y):
    sxx, syy, sxy = x.T @ x, y.T @ y, x.T @ y
    return np.linalg.svd(root(sxx, -0.5) @ sxy @ root(syy, -0.5))


def oracle(name, x, y):
    a, b = centred(x), centred(y)
    sxx, syy, sxy = a.T @ a, b.T @ b, a.T @ b
    n = len(x)
    nuclear = np.linalg.svd(sxy, compute_uv=False).sum()
    u, rho, _ = correlations(a, b)
    shares = np.linalg.eigvalsh(sxx) / np.trace(sxx)
    cx, cy = sxx / (n - 1), syy / (n - 1)
    top = [np.linalg.eigh(s)[1][:, ::-1][:, : min(10, D)] for s in (sxx, syy)]
    weights = np.abs(u.T @ root(sxx, -0.5) @ sxx).sum(1)
    return {
        "cka_biased": (sxy**2).sum() / np.linalg.norm(sxx) / np.linalg.norm(syy),
        "cka": unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y)),
        "procrustes": np.trace(sxx) + np.trace(syy) - 2 * nuclear,
        "procrustes_angle": np.arccos(nuclear / np.sqrt(np.trace(sxx) * np.trace(syy))),
        "cca": rho.mean(),
        "pwcca": (weights * rho).sum() / weights.sum(),
        "linear_residual": 1 - ((root(sxx, -0.5) @ sxy) ** 2).sum() / np.trace(syy),
        "frechet_distance": ((x.mean(0) - y.mean(0)) ** 2).sum()
        + np.trace(cx + cy - 2 * root(root(cx) @ cy @ root(cx))),
        "subspace_overlap": (np.linalg.norm(top[0].T @ top[1]) ** 2) / top[0].shape[1],
        "effective_rank": np.exp(-(shares * np.log(shares)).sum()),
        "participation_ratio": np.trace(sxx) ** 2 / (sxx**2).sum(),
    }[name]


def call(name, x, y):
    if name == "cka_biased":
        return drift.cka(x, y, debiased=False)
    if name == "procrustes_angle":
        return drift.procrustes(x, y, angle=True)
    if name in ("effective_rank", "participation_ratio"):
        return getattr(drift, name)(x)
    return getattr(drift, name)(x, y)


NAMES = [
    "cka",
    "cka_biased",
    "procrustes",
    "procrustes_angle",
    "cca",
    "pwcca",
    "linear_residual",
    "frechet_distance",
    "subspace_overlap",
    "effective_rank",
    "participation_ratio",
]


@pytest.mark.parametrize("name", NAMES)
def test_similarity_equals_numpy(name):
    x, y = pair()
    assert call(name, x, y) == pytest.approx(oracle(name, x, y), rel=1e-9)


def test_svcca_keeps_99_percent_of_the_variance():
    rng = np.random.default_rng(1)
    scales = np.array([10, 5, 1, 0.01, 0.01])
    x, y = rng.normal(size=(80, 5)) * scales, rng.normal(size=(80, 5)) * scales
    a, b = centred(x), centred(y)

    def reduced(z):
        values, vectors = np.linalg.eigh(z.T @ z)
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = int(np.searchsorted(np.cumsum(values) / values.sum(), 0.99)) + 1
        return z @ vectors[:, :kept]

    expected = correlations(reduced(a), reduced(b))[1]
    least = min(reduced(a).shape[1], reduced(b).shape[1])
    assert drift.svcca(x, y) == pytest.approx(expected[:least].mean(), rel=1e-9)


def test_invariances():
    x, y = pair()
    rng = np.random.default_rng(2)
    rotation = np.linalg.qr(rng.normal(size=(D, D)))[0]
    mixing = rng.normal(size=(D, D)) + 3 * np.eye(D)
    assert drift.cka(3 * x @ rotation, y) == pytest.approx(drift.cka(x, y), rel=1e-9)
    assert drift.cca(x @ mixing, y) == pytest.approx(drift.cca(x, y), rel=1e-9)
    assert drift.procrustes(x @ rotation, x) == pytest.approx(0, abs=1e-10)
    assert drift.frechet_distance(x, x) == pytest.approx(0, abs=1e-10)
    assert drift.principal_angle(x, x) == pytest.approx(0, abs=1e-7)


def test_debiased_cka_of_independent_sets_is_near_0_where_biased_is_near_1():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(64, 256)), rng.normal(size=(64, 256))
    assert drift.cka(x, y, debiased=False) > 0.7
    assert abs(drift.cka(x, y)) < 0.1


def test_frechet_of_gaussians_nears_the_analytic_value():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(200_000, 2)), 2 * rng.normal(size=(200_000, 2)) + [1, 0]
    assert drift.frechet_distance(x, y) == pytest.approx(1 + 2 * (2 - 1) ** 2, rel=0.02)


def test_frechet_takes_sets_of_different_sizes():
    x, y = pair()
    y = y[: N - 20]
    cx, cy = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(
        cx + cy - 2 * root(root(cx) @ cy @ root(cx))
    )
    assert drift.frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="y must have the 7 columns of x"):
        drift.frechet_distance(x, y[:, 1:])
    with pytest.raises(ValueError, match="y must have at least 2 rows"):
        drift.frechet_distance(x, y[:1])


def test_frechet_null_is_what_two_samples_of_one_gaussian_show():
    rng = np.random.default_rng(5)
    seen, told = [], []
    for _ in range(20):
        x, y = rng.normal(size=(400, 8)), rng.normal(size=(400, 8))
        acc = drift.Accumulator(width=8, tier="full")
        acc.update(x, y, ids=range(400))
        layer = acc.report(tests=[], intervals=False).to_dict()["layers"][0]
        seen.append(layer["frechet"]["value"])
        told.append(layer["frechet_null"]["value"])
    error = np.std(seen) / np.sqrt(len(seen))
    assert abs(np.mean(seen) - np.mean(told)) < 4 * error


def test_intervals_over_prompts_cover_the_value():
    x, y = pair()
    result = drift.cka(x, y, ids=range(N))
    low, high = result.interval
    assert low < result < high
    assert np.isnan(drift.cka(x, y).interval).all()


@pytest.mark.parametrize("name", ["cca", "svcca", "pwcca", "linear_residual"])
def test_fewer_rows_than_columns_give_nan_with_a_reason(name):
    x, y = pair(n=5, d=7)
    result = getattr(drift, name)(x, y)
    assert np.isnan(result)
    assert result.reason == "not more rows than columns"


@pytest.mark.parametrize("value", [0.1, 1e4 / 3])
def test_a_constant_that_is_no_sum_of_powers_of_2_still_does_not_vary(value):
    x = np.full((2500, 3), value)
    assert "vary" in drift.cka(x, x).reason
    assert "vary" in drift.procrustes(x, x, angle=True).reason


def test_constant_features_and_one_row_give_nan_with_a_reason():
    ones = np.ones((10, 3))
    assert np.isnan(drift.cka(ones, ones))
    assert "vary" in drift.cka(ones, ones).reason
    assert "few" in drift.procrustes(ones[:1], ones[:1]).reason


def test_huge_outlier_dimensions_do_not_spoil_the_rest():
    x, y = pair()
    x, y = np.hstack([x, np.full((N, 1), 1e8)]), np.hstack([y, np.full((N, 1), 1e8)])
    small = oracle("cka", x[:, :-1], y[:, :-1])
    assert drift.cka(x, y) == pytest.approx(small, rel=1e-9)


def test_bad_arguments_are_named():
    x, y = pair()
    for arguments, error, text in [
        ((x, y[:, :-1]), ValueError, "y must have the shape of x"),
        ((x.astype(complex), y), TypeError, "x must be an array of real numbers"),
        ((x[0], y[0]), ValueError, r"x must be \[N, d\]"),
        (
            (x[None], y[None]),
            ValueError,
            r"\[1, \d+, \d+\]: give one layer of it, as x\[0\]",
        ),
        ((x[:0], y[:0]), ValueError, "x must not be empty"),
        ((np.where(x > 9, np.nan, x), y), ValueError, "x must be finite, but"),
    ]:
        with pytest.raises(error, match=text):
            drift.cka(*arguments)
    with pytest.raises(ValueError, match="ids must have one id"):
        drift.cka(x, y, ids=[1])


def test_hed_profiles_equal_their_definitions():
    rng = np.random.default_rng(6)
    layers, batch, tokens = 3, 4, 5
    x = rng.normal(size=(layers, batch, tokens, D))
    y = x + rng.normal(size=x.shape)
    mask = np.arange(tokens) < np.array([5, 3, 1, 4])[:, None]
    delta = (y - x) * mask[..., None]
    assert drift.hed(x, y) == pytest.approx(np.sqrt(((y - x) ** 2).mean()))
    assert drift.hed(x, y, mask=mask) == pytest.approx(
        np.sqrt((delta**2).sum() / (layers * mask.sum() * D))
    )
    assert drift.hed(x, y, profile="paper") == pytest.approx(np.linalg.norm(y - x))
    assert drift.hed(x, y, profile="vaccine-code", mask=mask) == pytest.approx(
        (delta**2).sum()
    )
    expected = sum(
        np.linalg.norm((y - x)[layer, start : start + 2])
        for layer in range(layers)
        for start in (0, 2)
    )
    assert drift.hed(x, y, profile="booster-code", batch_size=2) == pytest.approx(
        expected
    )
    with pytest.raises(ValueError, match="Did you mean 'paper'"):
        drift.hed(x, y, profile="papre")
    with pytest.raises(TypeError, match="mask must hold bool"):
        drift.hed(x, y, mask=np.ones(tokens))
