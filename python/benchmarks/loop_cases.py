"""What one writes with numpy and scipy, beside the function that does the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, stats

from vaccine_swift import drift

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A loop and our call.

    Parameters
    ----------
    name, function : str
        Of the case; the call as one writes it.
    what : str
        The loop in words.
    shape : list of int
        Rows and columns of a side.
    loop, ours : callable
        Give one number each.
    tolerance : float
        Relative; inf where draws differ by their generator.
    """

    name: str
    function: str
    what: str
    shape: list[int]
    loop: Callable[[], Any]
    ours: Callable[[], Any]
    tolerance: float


def sets(n: int, d: int, *, paired: bool) -> tuple[Rows, Rows]:
    """Rows N(0, I) and, beside them, the same with a change or others with a shift."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((n, d), dtype=np.float32)
    y = generator.standard_normal((n, d), dtype=np.float32)
    change = np.float32(0.1)
    return x, x + change * y if paired else y + change


def kernel_sums(
    x: Rows, y: Rows, gamma: float, permutations: int, *, loop: bool
) -> float:
    """MMD² with permutations: the kernel matrix once, relabelled for each."""
    rng = np.random.default_rng(1)
    pooled = np.concatenate([x, y])
    squares = (pooled**2).sum(1)
    kernel = np.exp(
        -gamma * np.maximum(squares[:, None] + squares - 2 * pooled @ pooled.T, 0)
    )
    np.fill_diagonal(kernel, 0)
    n, m = len(x), len(y)

    def statistic(order: npt.NDArray[np.int64]) -> float:
        own = kernel[np.ix_(order, order)] if loop else kernel
        xx, yy = own[:n, :n].sum(), own[n:, n:].sum()
        between = own[:n, n:].sum()
        return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * between / (n * m)

    observed = statistic(np.arange(n + m))
    for _ in range(permutations):
        statistic(rng.permutation(n + m))
    return observed


def sign_flips(x: Rows, y: Rows, draws: int) -> float:
    """The norm of the mean change, and of that with random signs of the rows."""
    rng = np.random.default_rng(1)
    deltas = y - x
    observed = float(np.linalg.norm(deltas.mean(0)))
    for _ in range(draws):
        signs = rng.choice([-1.0, 1.0], len(deltas)).astype(np.float32)
        np.linalg.norm((signs[:, None] * deltas).mean(0))
    return observed


def sign_flips_of_report(x: Rows, y: Rows, draws: int) -> float:
    """The same by an accumulator with a sketch of the whole width."""
    accumulator = drift.Accumulator(x.shape[1], directions=x.shape[1])
    accumulator.update(x, y, ids=np.arange(len(x)))
    report = accumulator.report(tests=["signflip"], permutations=draws)
    return float(report.to_dict()["tests"]["signflip"]["statistic"])


def sliced(x: Rows, y: Rows, projections: int) -> float:
    """A projection at a time, sorted on both sides."""
    rng = np.random.default_rng(1)
    total = 0.0
    for _ in range(projections):
        direction = rng.standard_normal(x.shape[1])
        direction /= np.linalg.norm(direction)
        a, b = np.sort(x @ direction), np.sort(y @ direction)
        total += float(np.mean((a - b) ** 2))
    return math.sqrt(total / projections)


def columns_ks(x: Rows, y: Rows) -> float:
    """The test of scipy for every column."""
    return float(
        np.mean(
            [
                stats.ks_2samp(x[:, column], y[:, column], method="asymp").statistic
                for column in range(x.shape[1])
            ]
        )
    )


def unbiased_hsic(k: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Of Gram matrices without a diagonal."""
    n = len(k)
    rest = k.sum() * other.sum() / ((n - 1) * (n - 2))
    rest -= 2 * k.sum(0) @ other.sum(0) / (n - 2)
    return float((np.sum(k * other) + rest) / (n * (n - 3)))


def gram_cka(x: Rows, y: Rows) -> float:
    """Debiased CKA of two Gram matrices."""
    grams = []
    for side in (x, y):
        rows = side.astype(np.float64)
        gram = rows @ rows.T
        np.fill_diagonal(gram, 0)
        grams.append(gram)
    k, other = grams
    norms = unbiased_hsic(k, k) * unbiased_hsic(other, other)
    return unbiased_hsic(k, other) / math.sqrt(norms)


def feature_cka(x: Rows, y: Rows) -> float:
    """Biased CKA from the features' covariances."""
    a, b = (side.astype(np.float64) - side.mean(0, np.float64) for side in (x, y))
    cross = np.linalg.norm(a.T @ b) ** 2
    return float(cross / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)))


def neighbours(x: Rows, y: Rows, k: int) -> float:
    """All distances by one product, and the k smallest of each row."""
    nearest = []
    for side in (x, y):
        squares = (side**2).sum(1)
        distances = squares[:, None] + squares - 2 * side @ side.T
        np.fill_diagonal(distances, np.inf)
        nearest.append(np.argpartition(distances, k, 1)[:, :k])
    pairs = zip(*nearest, strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in pairs]))


def mean_cosine(x: Rows, y: Rows) -> float:
    """One expression."""
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return float(np.mean((x * y).sum(1) / norms))


def root_mean_square(x: Rows, y: Rows) -> float:
    """One expression."""
    return float(np.sqrt(np.mean((y - x) ** 2)))


def bootstrap(x: Rows, y: Rows, draws: int) -> float:
    """Rows drawn with replacement, the mean cosine of each draw."""
    rng = np.random.default_rng(1)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    cosines = (x * y).sum(1) / norms
    for _ in range(draws):
        cosines[rng.integers(0, len(x), len(x))].mean()
    return float(cosines.mean())


def frechet(x: Rows, y: Rows) -> float:
    """Covariances, and the trace of the square root of their product."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    c, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(c @ other)
    shift = a.mean(0) - b.mean(0)
    return float(
        shift @ shift + np.trace(c) + np.trace(other) - 2 * np.trace(root).real
    )


def energy(x: Rows, y: Rows) -> float:
    """Mean distances by scipy."""
    from scipy.spatial.distance import cdist

    return float(2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean())


def cases() -> Iterator[Case]:
    """All, cheap arrays made once."""
    inf = float("inf")
    x, y = sets(2000, 384, paired=True)
    u, v = sets(2000, 384, paired=False)
    small_x, small_y = sets(200, 384, paired=True)
    shape, small = [2000, 384], [200, 384]
    gamma = 1 / (2 * 384)
    sigma = math.sqrt(1 / (2 * gamma))
    ids = np.arange(2000)
    yield Case(
        "MMD",
        "drift.mmd(x, y, permutations=20)",
        "kernel matrix, indexed anew for each of 20 permutations",
        shape,
        lambda: kernel_sums(u, v, gamma, 20, loop=True),
        lambda: drift.mmd(u, v, permutations=20, bandwidth=sigma).statistic,
        1e-2,
    )
    yield Case(
        "MMD without a test",
        "drift.mmd(x, y, permutations=0)",
        "kernel matrix and three sums",
        shape,
        lambda: kernel_sums(u, v, gamma, 0, loop=False),
        lambda: drift.mmd(u, v, permutations=0, bandwidth=sigma).statistic,
        1e-2,
    )
    yield Case(
        "energy distance",
        "drift.energy_distance(x, y, permutations=0)",
        "three cdist of scipy",
        shape,
        lambda: energy(u, v),
        lambda: drift.energy_distance(u, v, permutations=0).statistic,
        1e-3,
    )
    yield Case(
        "sign flips",
        'accumulator.report(tests=["signflip"])',
        "signs times rows and a mean, 999 times",
        shape,
        lambda: sign_flips(x, y, 999),
        lambda: sign_flips_of_report(x, y, 999),
        1e-3,
    )
    yield Case(
        "sliced Wasserstein",
        "drift.sliced_wasserstein(x, y)",
        "128 projections, each sorted",
        shape,
        lambda: sliced(u, v, 128),
        lambda: drift.sliced_wasserstein(u, v, projections=128),
        0.2,
    )
    yield Case(
        "Kolmogorov-Smirnov",
        "drift.ks(x, y)",
        "scipy.stats.ks_2samp for each column",
        shape,
        lambda: columns_ks(u, v),
        lambda: drift.ks(u, v).statistics.mean(),
        1e-6,
    )
    yield Case(
        "CKA, debiased",
        "drift.cka(x, y)",
        "two Gram matrices in float64",
        shape,
        lambda: gram_cka(x, y),
        lambda: drift.cka(x, y),
        1e-6,
    )
    yield Case(
        "CKA, biased",
        "drift.cka(x, y, debiased=False)",
        "three products of centred columns in float64",
        shape,
        lambda: feature_cka(x, y),
        lambda: drift.cka(x, y, debiased=False),
        1e-6,
    )
    yield Case(
        "Fréchet distance",
        "drift.frechet_distance(x, y)",
        "two numpy.cov and scipy.linalg.sqrtm",
        shape,
        lambda: frechet(u, v),
        lambda: drift.frechet_distance(u, v),
        1e-5,
    )
    yield Case(
        "kNN overlap",
        "drift.knn_overlap(x, y)",
        "two distance matrices in float32, argpartition, intersect1d",
        shape,
        lambda: neighbours(x, y, 10),
        lambda: drift.knn_overlap(x, y, k=10),
        1e-3,
    )
    yield Case(
        "mean cosine",
        "drift.cosine(x, y)",
        "one expression of numpy in float32",
        shape,
        lambda: mean_cosine(x, y),
        lambda: drift.cosine(x, y),
        1e-5,
    )
    yield Case(
        "mean cosine, 200 rows",
        "drift.cosine(x, y)",
        "one expression of numpy in float32",
        small,
        lambda: mean_cosine(small_x, small_y),
        lambda: drift.cosine(small_x, small_y),
        1e-5,
    )
    yield Case(
        "HED (rms)",
        "drift.hed(x, y)",
        "one expression of numpy in float32",
        shape,
        lambda: root_mean_square(x, y),
        lambda: drift.hed(x, y),
        1e-5,
    )
    yield Case(
        "bootstrap interval",
        "drift.cosine(x, y, ids=range(n))",
        "rows drawn 999 times, a mean of each draw",
        shape,
        lambda: bootstrap(x, y, 999),
        lambda: drift.cosine(x, y, ids=ids),
        1e-5,
    )
    yield Case(
        "all metrics of prompts",
        "accumulator.update(x, y, ids=…).report(tests=[])",
        "the same loop, for the mean cosine alone",
        shape,
        lambda: bootstrap(x, y, 999),
        lambda: whole_report(x, y, ids),
        inf,
    )


def whole_report(x: Rows, y: Rows, ids: npt.NDArray[np.int64]) -> float:
    """Every metric of the light tier with its interval."""
    accumulator = drift.Accumulator(x.shape[1])
    accumulator.update(x, y, ids=ids)
    content = accumulator.report(tests=[]).to_dict()
    return float(content["layers"][0]["cosine"]["value"])
