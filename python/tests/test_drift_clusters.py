"""Clusters that gain or lose rows, and Fisher's exact test, against scipy and laws."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.drift.clusters import cluster_shares
from vaccine_swift.drift.watch import Watch
from vaccine_swift.statistics import fisher_p_value, holm

CENTRES = 12 * np.eye(4, 6)


def sides(seed, *, n=300, m=200, gained=0.25):
    """Four clusters; of the first, the current side has the given share."""
    rng = np.random.default_rng(seed)
    rest = (1 - gained) / 3
    x = CENTRES[rng.integers(0, 4, n)] + rng.normal(size=(n, 6))
    owner = rng.choice(4, m, p=[gained, rest, rest, rest])
    return x, CENTRES[owner] + rng.normal(size=(m, 6)), owner


def found(x, y, *, segments=None, ids=None, seed=0, independent=True):
    watch = Watch(progress=False)
    return cluster_shares(
        x, y, segments, ids, 0.05, seed, watch, independent=independent
    )


@pytest.mark.parametrize(
    ("marked", "sizes"),
    [
        ((8, 1), (10, 6)),
        ((0, 5), (40, 60)),
        ((300, 290), (1000, 1000)),
        ((7, 7), (7, 9)),
        ((3, 0), (3, 4000)),
        ((50_000, 49_000), (200_000, 190_000)),
    ],
)
def test_fisher_is_that_of_scipy(marked, sizes) -> None:
    stats = pytest.importorskip("scipy.stats")
    rest = [size - count for size, count in zip(sizes, marked, strict=True)]
    expected = stats.fisher_exact([list(marked), rest]).pvalue
    assert fisher_p_value(marked, sizes) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("marked", [(0, 0), (5, 8)])
def test_fisher_knows_counts_that_say_nothing(marked) -> None:
    assert fisher_p_value(marked, (5, 8)) == 1.0


def test_a_cluster_that_gained_rows_comes_first() -> None:
    x, y, owner = sides(0, gained=0.55)
    ids = np.array([f"t{k}" for k in range(200)])
    segments = np.where(owner == 0, "new", "old")
    clusters = found(x, y, segments=segments, ids=ids)
    entries = clusters["clusters"]
    assert sum(each["reference"] for each in entries) == 300
    assert sum(each["current"] for each in entries) == 200
    assert sum(each["change"] for each in entries) == pytest.approx(0, abs=1e-12)
    sizes = [abs(each["change"]) for each in entries]
    assert sizes == sorted(sizes, reverse=True)
    gained = [each for each in entries if each["segment"] == "new"]
    assert sum(each["current"] for each in gained) == (owner == 0).sum()
    for each in gained:
        assert each["share"] == 1.0
        places = [int(name[1:]) for name in each["nearest"]]
        assert (owner[places] == 0).all()
    assert any(each["p_holm"] <= 0.05 and each["change"] > 0 for each in gained)
    p_values = [each["p_value"] for each in entries]
    assert [each["p_holm"] for each in entries] == pytest.approx(holm(p_values))
    changed = [each for each in entries if each["p_holm"] <= 0.05]
    assert clusters["changed"] == len(changed) >= 1


def test_clusters_are_equal_for_equal_seeds_and_for_shifted_rows() -> None:
    x, y, _ = sides(0, gained=0.55)
    assert found(x, y) == found(x, y)
    moved = found(x + 1e3, y + 1e3)["clusters"]
    assert [(e["reference"], e["current"]) for e in moved] == [
        (e["reference"], e["current"]) for e in found(x, y)["clusters"]
    ]


def test_without_drift_clusters_seldom_change() -> None:
    said = 0
    for seed in range(100):
        x, y, _ = sides(seed, n=120, m=80)
        said += found(x, y, seed=seed)["changed"] > 0
    # At most 5 are expected; 12 or more have a chance below 0.005.
    assert said < 12


def test_more_rows_than_are_fitted_are_all_counted() -> None:
    x, y, owner = sides(0, n=9000, m=4500, gained=0.4)
    clusters = found(x.astype(np.float32), y.astype(np.float32))
    assert clusters["fitted"] == 4000
    assert sum(each["current"] for each in clusters["clusters"]) == 4500
    gain = sum(max(each["change"], 0) for each in clusters["clusters"])
    assert gain == pytest.approx((owner == 0).mean() - 0.25, abs=0.05)


def test_few_rows_and_equal_rows_have_no_clusters() -> None:
    x, y, _ = sides(0)
    assert found(x[:20], y[:19]) is None
    assert found(np.ones((50, 3)), np.ones((50, 3))) is None
    two = found(np.repeat([[0.0], [1.0]], 30, axis=0), np.ones((40, 1)))
    assert [each["current"] for each in two["clusters"]] in ([0, 40], [40, 0])


def test_dependent_rows_have_no_p_values() -> None:
    x, y, _ = sides(0, gained=0.55)
    groups = (np.arange(300) // 3, 1000 + np.arange(200) // 2)
    made = drift.two_sample(x, y, tests=["mmd"], groups=groups, permutations=19)
    clusters = made.to_dict()["clusters"]
    assert clusters["changed"] == 0
    assert {each["p_holm"] for each in clusters["clusters"]} == {None}
    assert "<h2>Clusters</h2>" in made.to_html()


def test_the_page_and_the_picture_have_them() -> None:
    x, y, owner = sides(0, gained=0.55)
    segments = (["old"] * 300, np.where(owner == 0, "<new>", "old"))
    ids = [f"<t{k}>" for k in range(200)]
    made = drift.two_sample(x, y, segments=segments, tests=["ks"], ids=ids)
    page = made.to_html()
    assert "Rows gained and lost by cluster" in page
    assert "100 % &lt;new&gt;" in page.replace("\u00a0", " ")
    assert "<t1" not in page
    assert len(page.encode()) < 400_000
    again = drift.TwoSampleReport(
        {key: value for key, value in made.to_dict().items() if key != "clusters"}
    )
    assert "<h2>Clusters</h2>" not in again.to_html()
    pytest.importorskip("matplotlib")
    assert made.plot("clusters").axes[0].get_xlabel().startswith("share of the current")
