"""KS, sliced Wasserstein, neighbours and classifier against numpy and scipy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from vaccine_swift import drift


def sets(seed=0, n=80, m=60, d=5, shift=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def test_ks_statistics_are_the_largest_gaps_of_distribution_functions():
    x, y = sets()
    x[:, 0], y[:, 0] = np.round(x[:, 0]), np.round(y[:, 0])  # ties
    result = drift.ks(x, y)
    for column in range(5):
        places = np.concatenate([x[:, column], y[:, column]])
        f, g = ((side[:, column] <= places[:, None]).mean(1) for side in (x, y))
        expected = np.abs(f - g).max()
        assert result.statistics[column] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        (0, "3 columns, 0 differ"),
        (1, "3 columns, 1 differs"),
        (3, "3 columns, 3 differ"),
    ],
)
def test_ks_of_many_columns_prints_as_one_line(moved, told):
    x, y = np.random.default_rng(5).normal(size=(2, 200, 3))
    y[:, :moved] += 3
    result = drift.ks(x, y)
    assert str(result).startswith(f"FeatureTests({told} at level 0.05, least p-value")
    assert str(result).endswith(f"by Holm {result.holm.min():.4g})")
    alone = drift.ks(x[:, :1], x[:, :1] + 9)
    assert str(alone).startswith("FeatureTests(1 column, 1 differs")


def test_ks_p_values_are_scipys_asymptotic_ones():
    stats = pytest.importorskip("scipy.stats")
    x, y = sets()
    result = drift.ks(x, y)
    scale = np.sqrt(80 * 60 / 140)
    expected = stats.kstwobign.sf(scale * result.statistics)
    assert result.p_values == pytest.approx(expected, rel=1e-9)


def test_corrections_equal_their_definitions():
    x, y = sets(shift=0.2)
    result = drift.ks(x, y)
    p = result.p_values
    order = np.argsort(p)
    for rank, column in enumerate(order):
        holm = max((5 - k) * p[order[k]] for k in range(rank + 1))
        hochberg = min(5 * p[order[k]] / (k + 1) for k in range(rank, 5))
        assert result.holm[column] == pytest.approx(min(holm, 1))
        assert result.benjamini_hochberg[column] == pytest.approx(min(hochberg, 1))
    assert (result.rejected() == (result.holm <= 0.05)).all()
    with pytest.raises(ValueError, match="correction must be"):
        result.rejected(correction="none")


@pytest.mark.parametrize("p", [1, 2])
def test_sliced_wasserstein_in_one_dimension_is_wasserstein(p):
    x, y = sets(n=60, m=40, d=1)
    grid = (np.arange(12_000) + 0.5) / 12_000
    a, b = (np.sort(side[:, 0])[(grid * len(side)).astype(int)] for side in (x, y))
    expected = (np.abs(a - b) ** p).mean() ** (1 / p)
    assert drift.sliced_wasserstein(x, y, p=p, projections=3) == pytest.approx(
        expected, rel=1e-9
    )


def test_sliced_wasserstein_of_a_translation_is_its_length_over_root_d():
    x, _ = sets(n=50, d=20)
    shift = np.full(20, 3.0)
    result = drift.sliced_wasserstein(x, x + shift, projections=4000)
    expected = np.linalg.norm(shift) / np.sqrt(20)
    assert result == pytest.approx(expected, rel=0.05)


def test_neighbour_overlap_equals_brute_force():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(90, 4))
    y = x + 0.4 * rng.normal(size=x.shape)

    def nearest(z):
        d = ((z[:, None] - z[None]) ** 2).sum(-1)
        np.fill_diagonal(d, np.inf)
        return np.argsort(d, 1)[:, :7]

    shares = [
        len(set(a) & set(b)) / 7
        for a, b in zip(nearest(x).tolist(), nearest(y).tolist(), strict=True)
    ]
    result = drift.knn_overlap(x, y, k=7, ids=range(90))
    assert result == pytest.approx(np.mean(shares))
    assert result.interval[0] < result < result.interval[1]
    assert drift.knn_overlap(x, 2 * x + 1, k=7) == 1.0


def logistic_scores(z, t, held):
    """Newton's method, plainly."""
    mean, std = z.mean(0), z.std(0)
    design = np.column_stack([(z - mean) / std, np.ones(len(z))])
    penalty = np.diag([1.0] * z.shape[1] + [0.0])
    w = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ w))
        gradient = design.T @ (chance - t) + penalty @ w
        w -= np.linalg.solve(
            design.T @ (design * (chance * (1 - chance))[:, None]) + penalty, gradient
        )
    return np.column_stack([(held - mean) / std, np.ones(len(held))]) @ w


def test_classifier_auc_equals_a_plain_cross_validation():
    x, y = sets()
    rng = np.random.default_rng(3)
    folds = np.concatenate([rng.permutation(np.arange(n) % 5) for n in (80, 60)])
    pooled, labels = np.concatenate([x, y]), np.repeat([0, 1], [80, 60])
    won = pairs = 0
    for fold in range(5):
        inside = folds == fold
        scores = logistic_scores(pooled[~inside], labels[~inside], pooled[inside])
        first, second = (scores[labels[inside] == side] for side in (0, 1))
        won += (second[:, None] > first[None]).sum()
        pairs += len(first) * len(second)
    expected = won / pairs
    result = drift.classifier_auc(x, y, seed=3)
    assert result.statistic == pytest.approx(expected, abs=1e-9)
    assert result.effect_size == pytest.approx(2 * expected - 1, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "m", "d", "folds"),
    [(20, 20, 2, 5), (40, 8, 2, 5), (7, 33, 3, 10), (15, 15, 1, 3), (30, 30, 6, 29)],
)
def test_the_auc_of_equal_distributions_is_a_half_in_the_mean(n, m, d, folds):
    values = []
    for seed in range(300):
        x, y = sets(seed, n, m, d, shift=0)
        values.append(drift.classifier_auc(x, y, folds=folds, seed=seed).statistic)
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - 0.5) < 3.5 * error


@pytest.mark.parametrize("both_sides", [False, True])
def test_the_auc_of_equal_groups_is_a_half_in_the_mean(both_sides):
    values = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 6, 16)
        prompts = rng.normal(size=(16, 2)).repeat(sizes, 0)
        rows = prompts + 0.1 * rng.normal(size=prompts.shape)
        ids = np.repeat(np.arange(16), sizes)
        cut = int(sizes[:8].sum())
        groups = (ids[:cut], ids[cut:])
        x, y = rows[:cut], rows[cut:]
        if both_sides:
            groups = (ids, ids)
            x, y = rows, prompts + 0.1 * rng.normal(size=prompts.shape)
        result = drift.classifier_auc(x, y, groups=groups, folds=4, seed=seed)
        values.append(result.statistic)
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - 0.5) < 3.5 * error


def test_more_folds_than_rows_of_a_side_still_give_an_auc():
    x, y = sets(n=30, m=2, shift=3.0)
    result = drift.classifier_auc(x, y, folds=8, permutations=19)
    assert 0.5 < result.statistic <= 1.0


def test_classifier_finds_a_shift_and_keeps_groups_together():
    x, y = sets(shift=1.5)
    result = drift.classifier_auc(x, y, permutations=19)
    assert result.statistic > 0.9
    assert result.p_value == 0.05
    rng = np.random.default_rng(4)
    prompts = rng.normal(size=(20, 5)).repeat(10, 0)
    ids = np.repeat(np.arange(20), 10)
    together = drift.classifier_auc(
        prompts[:100], prompts[100:], groups=(ids[:100], ids[100:])
    )
    apart = drift.classifier_auc(prompts[:100], prompts[100:])
    assert together.statistic < apart.statistic


@pytest.mark.parametrize("both_sides", [False, True])
def test_classifier_permutes_groups_and_keeps_its_level(both_sides):
    def p_value(seed):
        rng = np.random.default_rng(seed)
        prompts = rng.normal(size=(12, 2)).repeat(4, 0)
        rows = prompts + 0.1 * rng.normal(size=prompts.shape)
        ids = np.repeat(np.arange(12), 4)
        if both_sides:
            order = np.argsort(np.arange(48) % 2, kind="stable")
            rows, ids = rows[order], ids[order]
        groups = (ids[:24], ids[24:])
        return drift.classifier_auc(
            rows[:24], rows[24:], folds=3, groups=groups, permutations=19, seed=seed
        ).p_value

    assert 0.02 <= np.mean([p_value(seed) <= 0.05 for seed in range(200)]) <= 0.09


def test_bad_arguments_are_named():
    x, y = sets()
    for call, text in [
        (lambda: drift.ks(x, y[:, :2]), "y must have the 5 columns"),
        (lambda: drift.sliced_wasserstein(x, y, p=3), "p must be"),
        (lambda: drift.sliced_wasserstein(x, y, projections=0), "projections must be"),
        (lambda: drift.knn_overlap(x, y), "y must have the 80 rows of x"),
        (lambda: drift.knn_overlap(x, x, k=80), "k must be"),
        (lambda: drift.classifier_auc(x, y, folds=1), "folds must be"),
        (lambda: drift.classifier_auc(x, y, groups=[1]), "groups must have one"),
        (lambda: drift.ks(x, np.where(y > 1, np.inf, y)), "y must be finite"),
    ]:
        with pytest.raises(ValueError, match=text):
            call()


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_a_classifier_sees_the_same_rows_in_any_type(kind) -> None:
    dtype = getattr(ml_dtypes, kind, kind)
    rng = np.random.default_rng(8)
    x, y = (rng.normal(size=(n, 5)).astype(dtype) for n in (60, 50))
    wide = [side.astype(np.float64) for side in (x, y)]
    expected = drift.classifier_auc(*wide, permutations=3)
    for sides in ((x, y), (x, wide[1])):
        found = drift.classifier_auc(*sides, permutations=3)
        assert found.statistic == expected.statistic
        assert found.p_value == expected.p_value
