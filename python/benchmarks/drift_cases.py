"""The drift benchmark's data, and its statistic as one would write it with numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SHIFT = 0.05
PERMUTATIONS = 100
ROWS_PER_PROMPT = 20
CASES = {"A": (2000, 384), "B": (20000, 768)}
TILE = 1024

Rows = npt.NDArray[np.float32]


def sets(case: str) -> tuple[Rows, Rows]:
    """X ~ N(0, I) and Y ~ N(0.05, I) of a case, float32 [n, d]."""
    generator = np.random.default_rng(0)
    shape = CASES[case]
    x = generator.standard_normal(shape, dtype=np.float32)
    return x, generator.standard_normal(shape, dtype=np.float32) + np.float32(SHIFT)


def numpy_mmd(x: Rows, y: Rows, permutations: int) -> dict[str, Any]:
    """Exact unbiased MMD² and its permutation test, the kernel made tile by tile.

    As `vaccine_swift.drift.mmd`: every unordered pair of tiles is computed once, and
    all permutations are columns of one product with it.
    """
    generator = np.random.default_rng(1)
    n, m = len(x), len(y)
    count = n + m
    pooled = np.concatenate([x, y])
    pooled -= pooled.mean(0)
    norms = np.einsum("ij,ij->i", pooled, pooled)
    sample = pooled[generator.choice(count, min(count, 1000), replace=False)]
    squares = np.einsum("ij,ij->i", sample, sample)
    distances = squares[:, None] + squares - 2 * sample @ sample.T
    factor = -1 / np.median(distances[np.triu_indices(len(sample), 1)])
    labels = np.zeros((count, permutations + 1), np.float32)
    labels[:n, 0] = 1
    for column in range(1, permutations + 1):
        labels[generator.permutation(count)[:n], column] = 1
    quadratic = np.zeros(permutations + 1)
    linear = np.zeros(permutations + 1)
    total = 0.0
    for start in range(0, count, TILE):
        rows = slice(start, start + TILE)
        for other in range(start, count, TILE):
            columns = slice(other, other + TILE)
            kernel = pooled[rows] @ pooled[columns].T
            kernel *= -2
            kernel += norms[rows, None]
            kernel += norms[None, columns]
            kernel *= factor
            np.exp(kernel, out=kernel)
            if start == other:
                np.fill_diagonal(kernel, 0)
            times = 1 if start == other else 2
            product = kernel @ labels[columns]
            own = labels[rows]
            quadratic += times * np.einsum("ij,ij->j", own, product, dtype=np.float64)
            row_sums = kernel.sum(1, dtype=np.float64)
            linear += row_sums @ own
            if times == 2:
                linear += kernel.sum(0, dtype=np.float64) @ labels[columns]
            total += times * float(row_sums.sum())
    within_x = quadratic / (n * (n - 1))
    within_y = (total - 2 * linear + quadratic) / (m * (m - 1))
    values = within_x + within_y - 2 * (linear - quadratic) / (n * m)
    larger = int((values[1:] >= values[0]).sum())
    return {"statistic": values[0], "p_value": (1 + larger) / (1 + permutations)}
