"""The page of a drift report of one layer: rows, groups and prompts."""

from __future__ import annotations

import re

import numpy as np
import pytest

from vaccine_swift import drift


def one_layer() -> tuple[drift.Report, np.ndarray]:
    """Rows of three segments, and the cosine of each."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 8))
    y = x + rng.lognormal(-2, 0.5, (60, 1)) * rng.normal(size=x.shape)
    accumulator = drift.Accumulator(width=8, tier="full")
    ids = [f"ticket-{k:02}" for k in range(60)]
    accumulator.update(x, y, ids=ids, groups=np.repeat(["de", "en", "<fr>"], 20))
    cosine = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    return accumulator.report(permutations=99), cosine


def titles(page: str) -> list[str]:
    return re.findall("<figure><h3>([^<]*)<", page)


def test_a_page_of_one_layer_shows_rows_groups_and_prompts() -> None:
    report, _ = one_layer()
    page = report.to_html()
    assert titles(page) == [
        "Cosine of the rows",
        "Relative drift of the rows",
        "Relative drift by group",
        "Cosine by group",
        "Most drifted prompts",
        "Null distribution: Sign-flip: is the mean change zero?",
        "Null distribution: Max-T: largest layer, corrected for all layers",
        "Spectrum, layer 0",
    ]
    first = report.to_dict()["prompts"]["ids"][0]
    assert page.count(f">{first}<") == 2  # the bar's name and the table
    assert "&lt;fr&gt; (20)" in page
    assert "<fr>" not in page
    assert "layer 0:" not in page
    for name in ("CKA, debiased", "Procrustes distance", "HED, rms"):
        assert f'<td class="wrap">{name}</td>' in page


def test_the_distribution_is_that_of_the_rows() -> None:
    report, cosine = one_layer()
    found = report.to_dict()["distribution"]["cosine"]
    counts, edges = np.histogram(cosine, 40)
    assert found["counts"] == counts.tolist()
    np.testing.assert_allclose(found["edges"], edges, rtol=1e-12)
    chart = re.search("<h3>Cosine of the rows.*?</figure>", report.to_html(), re.DOTALL)
    assert chart[0].count("<rect") == 40
    mean = report.to_dict()["overall"]["cosine"]["value"]
    assert mean == pytest.approx(cosine.mean(), rel=1e-12)
    assert f"all together: {mean:.3f}" in chart[0]


def test_rows_that_all_moved_alike_make_one_bar() -> None:
    accumulator = drift.Accumulator(width=2)
    accumulator.update(np.ones((4, 2)), 2 * np.ones((4, 2)), ids=range(4))
    found = accumulator.report(tests=[]).to_dict()["distribution"]
    assert found["relative_drift"]["counts"] == [4]
    low, high = found["relative_drift"]["edges"]
    assert low < 1 < high


def test_a_report_of_before_has_no_distribution_and_still_a_page() -> None:
    report, _ = one_layer()
    given = report.to_dict()
    del given["distribution"]
    assert titles(drift.Report(given).to_html())[0] == "Relative drift by group"


def test_the_baseline_of_one_layer_is_a_column() -> None:
    report, _ = one_layer()
    page = report.to_html(baseline=report)
    assert "<th>baseline</th>" in page
    assert "relative drift of the baseline" in page


def test_a_cosine_near_one_is_a_dot_and_a_drift_a_bar_from_zero() -> None:
    page = one_layer()[0].to_html()
    figures = dict(
        zip(
            titles(page),
            re.findall("<figure.*?</figure>", page, re.DOTALL),
            strict=True,
        )
    )
    assert figures["Relative drift by group"].count("<rect") == 3
    assert figures["Cosine by group"].count("<rect") == 0
    assert figures["Cosine by group"].count("dot a ringed") == 3
