"""What a report of segments of two sets is kept as and shown as."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from drift_segments import X, Y, segments_report

from vaccine_swift import drift


@pytest.fixture(scope="module")
def report() -> drift.TwoSampleReport:
    return segments_report()


def test_json_comes_back(report, tmp_path) -> None:
    report.to_json(tmp_path / "r.json")
    again = drift.TwoSampleReport.load(tmp_path / "r.json")
    assert again == report
    assert again.sentence == report.sentence
    assert again.to_html() == report.to_html()
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no report of two samples"):
        drift.TwoSampleReport.load(tmp_path / "other.json")


def test_a_dataframe_has_a_row_for_each_segment_and_test(report) -> None:
    pytest.importorskip("pandas")
    frame = report.to_dataframe()
    assert len(frame) == 8
    found = report.to_dict()["segments"]["de"]["tests"]["ks"]
    assert frame.loc[("de", "ks"), "p_holm"] == found["p_holm"]


def test_the_page_opens_with_the_sentence_and_is_small() -> None:
    labels = np.array([f"<{k % 30}>" for k in range(6000)])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6000, 64)).astype(np.float32)
    made = drift.two_sample(
        x, y, segments=(labels, labels), tests=["ks"], permutations=9
    )
    page = made.to_html(title="A & B")
    assert len(page.encode()) < 400_000
    assert "<script" not in page
    assert "<title>A &amp; B</title>" in page
    lead = re.search(r'<p class="lead"><b>(.*?)</b>', page)[1]
    assert lead.startswith("No change was found in &lt;0&gt;")
    assert "<0>" not in page
    for chart in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(chart)


def test_a_page_of_very_many_segments_has_those_that_moved_most() -> None:
    labels = np.array([f"segment {k % 2000} of the shop" for k in range(20_000)])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 20_000, 2))
    y[labels == "segment 1234 of the shop"] += 40
    made = drift.two_sample(x, y, segments=(labels, labels), tests=["ks"])
    for page in (made.to_html(), made._repr_html_()):
        assert len(page.encode()) < 400_000
        assert ">segment 1234 of the shop<" in page
        assert "1801 segments that moved less are left out here" in page
        table = page.split("<tbody>")[1].split("</tbody>")[0]
        assert table.count("<tr") == 200


@pytest.mark.parametrize("kind", ["map", "density", "means", "shifts"])
def test_every_kind_of_picture_is_drawn(report, kind) -> None:
    pytest.importorskip("matplotlib")
    assert report.plot(kind).axes[0].get_xlabel()
    with pytest.raises(ValueError, match="Did you mean 'map'"):
        report.plot("mapp")


def test_both_sets_are_drawn_in_one_basis(report) -> None:
    found = report.to_dict()["map"]
    pooled = np.concatenate([X, Y])
    values = np.linalg.eigvalsh(np.cov(pooled.T))[::-1]
    np.testing.assert_allclose(found["shares"], values[:2] / values.sum(), rtol=1e-9)
    first, second = (np.array(each) for each in found["means"]["all"])
    expected = np.linalg.norm(X.mean(0) - Y.mean(0))
    assert np.linalg.norm(first - second) <= expected + 1e-3
    assert np.sum(found["densities"], axis=(1, 2)) == pytest.approx([1, 1], abs=0.05)


def test_a_dot_marks_the_end_that_is_the_current_set(report) -> None:
    page = report.to_html()
    chart = re.search("<h3>How the means.*?</figure>", page, re.DOTALL)[0]
    assert chart.count("ringed") == 3
    assert "The end with a dot is the current set." in chart
    for style, name in zip("abc", ("de", "en", "fr"), strict=True):
        assert f'<i class="{style}"></i>{name}</span>' in chart
        path = re.search(f'class="line {style}" d="M(.*?)L(.*?)"', chart)
        dot = re.search(f'class="dot {style} ringed" cx="(.*?)" cy="(.*?)"', chart)
        assert ",".join(dot.groups()) == path[2] != path[1]


def test_the_rows_that_lie_farthest_are_listed() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300, 5))
    y[17] += 40
    y[5] -= 30
    ids = [f"t{k}" for k in range(300)]
    labels = np.array(["<a>", "b"] * 150)
    made = drift.two_sample(x, y, segments=(labels, labels), tests=["ks"], ids=ids)
    found = made.to_dict()["outlying"]
    first, second, *_ = found["rows"]
    assert (first["id"], first["row"], first["segment"]) == ("t17", 17, "b")
    assert (second["id"], second["segment"]) == ("t5", "b")
    between = np.linalg.norm(x[:, None] - x, axis=2)
    np.fill_diagonal(between, np.inf)
    expected = np.linalg.norm(x - y[17], axis=1).min() / np.median(between.min(1))
    assert first["distance"] == pytest.approx(expected, rel=1e-9)
    assert len(found["rows"]) == 10
    page = made.to_html()
    assert '<td class="wrap">t17</td>' in page
    assert "<a>" not in page
    with pytest.raises(ValueError, match="ids must have one"):
        drift.two_sample(x, y, tests=["ks"], ids=ids[:-1])


def test_equal_reference_rows_have_no_unit_of_distance() -> None:
    made = drift.two_sample(np.ones((9, 3)), Y[:9, :3], tests=["ks"])
    assert made.to_dict()["outlying"] is None
    assert "farthest" not in made.to_html()


def test_rows_of_one_column_have_no_map() -> None:
    made = drift.two_sample(X[:, :1], Y[:, :1], tests=["ks"])
    assert made.to_dict()["map"] is None
    assert "Both sets in one plane" not in made.to_html()
    with pytest.raises(ValueError, match="nothing of it to draw"):
        made.plot("density")


def test_a_notebook_gets_the_sentence(report) -> None:
    bundle = report._repr_mimebundle_()
    assert report.sentence in bundle["text/html"]
    assert "<body" not in bundle["text/html"]
