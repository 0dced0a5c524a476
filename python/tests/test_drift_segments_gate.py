"""Conditions on segments of two sets, in Python and on the command line."""

from __future__ import annotations

import re

import numpy as np
import pytest
from drift_segments import LABELS, SEGMENTS, X, Y, segments_report

from vaccine_swift import drift
from vaccine_swift.cli import main


@pytest.fixture(scope="module")
def report() -> drift.TwoSampleReport:
    return segments_report()


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
        (
            ["--paired", "--group-by", "language", "--group", "de=de.txt"],
            "--group and --group-by say both which rows are a group",
        ),
    ],
)
def test_options_of_the_other_way_are_refused(files, capsys, words, message) -> None:
    assert status(["a.parquet", "b.parquet", *words]) == 2
    assert message in capsys.readouterr().err
