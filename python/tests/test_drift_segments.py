"""Two sets that are not paired, segment by segment: report, page, gate, command."""

from __future__ import annotations

import json
import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.cli import main
from vaccine_swift.statistics.corrections import holm

RNG = np.random.default_rng(0)
LABELS = np.repeat(["de", "en", "fr"], 60)
X = RNG.normal(size=(180, 6))
Y = RNG.normal(size=(180, 6))
Y[:60, :2] += 1.0
SEGMENTS = (LABELS, LABELS)


@pytest.fixture(scope="module")
def report() -> drift.TwoSampleReport:
    return drift.two_sample(X, Y, segments=SEGMENTS, permutations=199)


def test_every_number_is_that_of_its_own_function(report) -> None:
    found = report.to_dict()["segments"]
    assert list(found) == ["all", "de", "en", "fr"]
    every = []
    for name, entry in found.items():
        inside = np.full(180, True) if name == "all" else name == LABELS
        x, y = X[inside], Y[inside]
        assert (entry["reference"], entry["current"]) == (len(x), len(y))
        mmd = drift.mmd(x, y, permutations=199)
        ks = drift.ks(x, y)
        assert entry["tests"]["mmd"]["statistic"] == mmd.statistic
        assert entry["tests"]["mmd"]["p_value"] == mmd.p_value
        assert entry["tests"]["mmd"]["effect_size"] == mmd.effect_size
        assert entry["tests"]["ks"]["statistic"] == ks.statistics.max()
        assert entry["tests"]["ks"]["p_value"] == ks.holm.min()
        every += [(name, "mmd", mmd.p_value), (name, "ks", ks.holm.min())]
    for (name, test, _), value in zip(every, holm([p for *_, p in every]), strict=True):
        assert found[name]["tests"][test]["p_holm"] == value
    for entry in found.values():
        assert entry["p_value"] == min(t["p_holm"] for t in entry["tests"].values())


def test_the_sentence_names_what_moved(report) -> None:
    assert report.moved == ["all", "de"]
    assert report.sentence == "de moved; no change was found in en and fr."
    assert repr(report).endswith(f"180 rows: {report.sentence})")


def test_equal_distributions_are_seldom_found_to_differ() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for seed in range(60):
        x, y = rng.normal(size=(2, 60, 3))
        labels = np.repeat(["a", "b"], 30)
        made = drift.two_sample(
            x, y, segments=(labels, labels), permutations=239, seed=seed
        )
        found += bool(made.moved)
    # At a family-wise level of 0.05, 3 of 60 are expected; 9 or more have a chance
    # below 0.004.
    assert found < 9


def test_many_segments_are_counted_rather_than_listed() -> None:
    labels = np.array([f"s{k % 20:02}" for k in range(180)])
    made = drift.two_sample(X, X, segments=(labels, labels), tests=["ks"])
    assert made.sentence == (
        "No change was found in s00, s01, s02, s03, s04, s05, s06, s07 and 12 more."
    )


def test_the_shift_is_the_distance_of_the_means_in_spreads() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 4))
    y = rng.normal(size=(40_000, 4))
    y[:, 0] += 1
    made = drift.two_sample(x, y, tests=["ks"])
    # ‖Δ‖² = 1 over a total variance of 4; the error is about 1/√n.
    shift = made.to_dict()["segments"]["all"]["mean_shift"]
    assert shift == pytest.approx(0.5, abs=0.01)
    none = drift.two_sample(x[:20_000], x[20_000:], tests=["ks"]).to_dict()
    assert none["segments"]["all"]["mean_shift"] < 0.02


def test_without_segments_all_rows_are_told() -> None:
    same = drift.two_sample(X[60:120], Y[60:120], permutations=99)
    assert re.fullmatch(r"No difference was found \(p = .*\)\.", same.sentence)
    apart = drift.two_sample(X[:60], Y[:60], permutations=99)
    assert apart.sentence.startswith("The two sets differ (p = ")


def test_segments_of_one_side_and_small_ones_are_told_and_not_tested() -> None:
    first = np.array([*LABELS[:118], "old", "old", *["few"] * 4, *LABELS[124:]])
    second = np.array([*LABELS[:170], *["new"] * 10])
    made = drift.two_sample(X, Y, segments=(first, second), permutations=99)
    entries = made.to_dict()["segments"]
    assert entries["new"]["reason"] == "only in the current set"
    assert entries["old"]["reason"] == "only in the reference"
    assert entries["few"]["tests"] == {}
    assert "new has no rows in the reference" in made.sentence
    assert "few and old have no rows in the current set" in made.sentence
    with pytest.raises(
        drift.DriftExceeded, match=r"new\.p_value .*only in the current"
    ):
        made.assert_that("new.p_value>0.01")
    assert json.loads(made.to_json())["segments"]["new"]["p_value"] is None


def test_permutations_suffice_for_the_number_of_tests() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(60), 5)
    x, y = rng.normal(size=(2, 300, 2))
    y[labels == 7] += 20
    made = drift.two_sample(x, y, segments=(labels, labels), tests=["mmd"])
    assert made.to_dict()["settings"]["permutations"] == 2 * 61 / 0.05
    least = 61 / (1 + made.to_dict()["settings"]["permutations"])
    assert least <= 0.025


def test_rows_of_one_prompt_are_permuted_together() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(15), 12)
    x, y = (
        rng.normal(size=(15, 6))[owner] + 0.1 * rng.normal(size=(180, 6)) for _ in "xy"
    )
    groups = ([f"x{k}" for k in owner], [f"y{k}" for k in owner])
    naive = drift.two_sample(x, y, tests=["mmd"], permutations=199)
    made = drift.two_sample(x, y, tests=["mmd"], groups=groups, permutations=199)
    expected = drift.mmd(x, y, groups=groups, permutations=199)
    found = made.to_dict()["segments"]["all"]["tests"]["mmd"]
    assert found["p_value"] == expected.p_value > 0.05
    assert naive.to_dict()["segments"]["all"]["tests"]["mmd"]["p_value"] == 1 / 200


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tests": ["mdm"]}, ValueError, "Did you mean 'mmd'"),
        ({"tests": "mmd"}, TypeError, "sequence of names"),
        ({"tests": []}, ValueError, "got none"),
        ({"segments": LABELS}, TypeError, "labels of x and labels of y"),
        ({"segments": (LABELS, LABELS[:9])}, ValueError, "segments[1] must have one"),
        ({"segments": (["all"] * 180, LABELS)}, ValueError, "'all' stands for all"),
        ({"groups": SEGMENTS}, ValueError, "'ks'"),
        ({"level": 1.0}, ValueError, "level"),
        ({"permutations": 0}, ValueError, "permutations"),
        ({"seed": -1}, ValueError, "seed"),
        ({"y": Y[:4]}, ValueError, "y must have at least 5 rows, got 4"),
        ({"y": Y[:, :5]}, ValueError, "y must have the 6 columns of x"),
    ],
)
def test_bad_arguments_name_themselves(options, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        drift.two_sample(**{"x": X, "y": Y, **options})


@pytest.mark.parametrize("tests", [["mmd"], ["ks"], ["energy"], ["classifier"]])
def test_elements_that_are_not_finite_are_refused(tests) -> None:
    bad = Y.copy()
    bad[3, 2] = math.nan
    with pytest.raises(ValueError, match="y"):
        drift.two_sample(X, bad, tests=tests, permutations=9)


# MARK: Out and in


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


# MARK: Gate and command


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("en.p_value>0.01", True),
        ("de.p_value>0.01", False),
        ("p_value>0.01", True),
        ("de.ks.p_holm<0.01", True),
        ("de.mean_shift<50%", False),
        ("en.mmd.effect_size<0.1", True),
    ],
)
def test_a_condition_looks_at_a_segment(report, condition, holds) -> None:
    if holds:
        report.assert_that(condition)
    else:
        with pytest.raises(drift.DriftExceeded, match=re.escape(condition[:5])):
            report.assert_that(condition)


def test_a_segment_with_spaces_can_be_named() -> None:
    labels = np.where(LABELS == "de", "old shop, de", LABELS)
    made = drift.two_sample(X, Y, segments=(labels, labels), permutations=99)
    with pytest.raises(drift.DriftExceeded, match=r"old shop, de\.p_value must be >"):
        made.assert_that("old shop, de.p_value > 0.01")
    with pytest.raises(ValueError, match="Did you mean 'en.p_value'"):
        made.assert_that("em.p_value>0.01")


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ("es.p_value>0.01", "de.p_value, en.p_value"),
        ("es.mean_shift<1", "all.mean_shift, de.mean_shift, en.mean_shift"),
        ("total.ks.p_holm>0.01", "all.ks.p_holm, de.mmd.p_holm, de.ks.p_holm"),
    ],
)
def test_a_segment_that_is_not_there_gets_the_list_of_those_that_are(
    report, condition, known
) -> None:
    with pytest.raises(ValueError, match="Known are ") as error:
        report.assert_that(condition)
    assert known in str(error.value)


@pytest.fixture
def files(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    for name, values in (("a.parquet", X), ("b.parquet", Y)):
        columns = {"row_no": np.arange(180), "language": LABELS}
        parquet.write_table(pa.table({**columns, "embedding": list(values)}), name)
    return tmp_path


def status(words: list[str]) -> int:
    try:
        return main(["drift", *words])
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("en.p_value>0.01", 0), ("de.p_value>0.01", 1), ("es.p_value>0.01", 2)],
)
def test_the_command_is_the_function(files, capsys, condition, expected) -> None:
    words = ["a.parquet", "b.parquet", "--unpaired", "--column", "embedding"]
    words += ["--group-by", "language", "--permutations", "199", "--assert", condition]
    assert status([*words, "--json", "r.json", "--html", "r.html"]) == expected
    captured = capsys.readouterr()
    first, *_ = captured.out.splitlines()
    assert first == "de moved; no change was found in en and fr."
    assert "left out: 'row_no'" in captured.err
    found = drift.TwoSampleReport.load("r.json").to_dict()["segments"]
    made = drift.two_sample(X, Y, segments=SEGMENTS, permutations=199).to_dict()
    for name, entry in made["segments"].items():
        assert found[name]["tests"]["mmd"] == entry["tests"]["mmd"]
    assert first in (files / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--unpaired", "--ids", "x"], "--ids has no meaning"),
        (["--unpaired", "--paired"], "--paired has no meaning"),
        (["--unpaired", "--floor", "float16"], "--floor has no meaning"),
        (["--unpaired", "--group-by", "langage"], "Did you mean 'language'"),
        (["--unpaired", "--tests", "signflip"], "tests must be among mmd"),
        (["--paired", "--group-by", "language"], "--group-by has no meaning"),
    ],
)
def test_options_of_the_other_way_are_refused(files, capsys, words, message) -> None:
    assert status(["a.parquet", "b.parquet", *words]) == 2
    assert message in capsys.readouterr().err
