"""Checks of reports as JUnit's XML, from Python and from the command."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.cli import main
from vaccine_swift.drift.junit import Check, junit_text

LABELS = np.repeat(["a<b", "q\x1b&", "zz"], 30)
X, Y = np.random.default_rng(0).normal(size=(2, 90, 3))
Y[:30] += 2


def cases(text: str) -> dict[str, tuple[str, str] | None]:
    """What became of each case: a failure or a skip with its message, or None."""
    root = ET.fromstring(text)
    found = {}
    for case in root.iter("testcase"):
        ends = [(each.tag, each.get("message")) for each in case]
        assert len(ends) <= 1
        found[case.get("name")] = ends[0] if ends else None
    suite = root.find("testsuite")
    tags = [end[0] for end in found.values() if end]
    for part in (root, suite):
        assert int(part.get("tests")) == len(found)
        assert int(part.get("failures")) == tags.count("failure")
        assert int(part.get("skipped")) == tags.count("skipped")
    return found


@pytest.fixture(scope="module")
def segments() -> drift.TwoSampleReport:
    labels = np.where(LABELS == "zz", "new", LABELS)
    return drift.two_sample(X, Y, segments=(LABELS, labels), tests=["ks"])


def test_each_segment_is_a_case(segments, tmp_path) -> None:
    text = segments.to_junit(tmp_path / "r.xml")
    assert (tmp_path / "r.xml").read_text("utf-8") == text
    found = cases(text)
    assert found["a<b has not moved"][0] == "failure"
    assert found["q\ufffd& has not moved"] is None
    assert found["zz has not moved"] == ("skipped", "only in the reference")
    assert found["new has not moved"] == ("skipped", "only in the current set")
    said = ET.fromstring(text).findtext("testsuite/system-out")
    assert said == segments.sentence.replace("\x1b", "\ufffd")


def test_each_condition_is_a_case_and_fails_as_the_gate_does(segments) -> None:
    conditions = ["a<b.p_value>0.01", "zz.p_value>0.01", "q\x1b&.ks.p_value>0.001"]
    conditions[0] = "mean_shift<10%"
    found = cases(segments.to_junit(conditions=conditions))
    assert found.pop("q\ufffd&.ks.p_value>0.001") is None
    for name, end in found.items():
        with pytest.raises(drift.DriftExceeded) as error:
            segments.assert_that(name)
        assert end == ("failure", error.value.failures[0])
    with pytest.raises(ValueError, match="no number 'p_valu'"):
        segments.to_junit(conditions=["p_valu<1"])


def test_a_line_with_an_alarm_fails() -> None:
    made = drift.Windows(X, segments=LABELS, tests=["ks"])
    report = made.add("w1", Y, segments=LABELS).add("w2", Y, segments=LABELS).report()
    found = cases(report.to_junit())
    since = report.alarms["a<b"]
    assert found["a<b has no alarm"] == ("failure", f"a<b has an alarm since {since}")
    assert found["zz has no alarm"] is None
    assert cases(report.to_junit(conditions=["alarms<9"])) == {"alarms<9": None}


def test_a_paired_report_needs_conditions() -> None:
    accumulator = drift.Accumulator(width=3)
    accumulator.update(X, Y, ids=range(90))
    report = accumulator.report(permutations=99)
    conditions = ["relative_drift<1%", "cosine>-1"]
    failed, held = cases(report.to_junit(conditions=conditions)).values()
    assert failed[0] == "failure"
    assert failed[1].startswith("relative_drift must be < 1.00 % at its high bound")
    assert held is None
    with pytest.raises(ValueError, match="at least one condition"):
        report.to_junit(conditions=[])


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ufffe", "\ud800", "\x08"])
def test_what_xml_cannot_hold_is_replaced(character) -> None:
    text = junit_text("s", [Check(f"a{character}", f"b{character}")], character)
    assert cases(text) == {"a\ufffd": ("failure", "b\ufffd")}


# MARK: The command


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels = np.repeat(["de", "en", "fr"], 30)
    for name, rows in (("reference", X), ("w1", X[::-1] + 0.01), ("w2", Y), ("w3", Y)):
        np.savez(f"{name}.npz", embedding=rows, language=labels)
    return tmp_path


def status(words: list[str]) -> int:
    try:
        return main(["drift", *words])
    except SystemExit as stop:
        return stop.code


def test_windows_of_files_go_on_from_their_state(files, capsys) -> None:
    words = ["--windows", "--group-by", "language", "--tests", "ks"]
    assert status(["reference.npz", "w1.npz", "w2.npz", "w3.npz", *words]) == 0
    at_once = capsys.readouterr().out
    words += ["--state", "s.npz", "--junit", "r.xml", "--json", "r.json"]
    words += ["--html", "r.html", "--assert", "alarms<1"]
    ends = [status(["reference.npz", f"w{k}.npz", *words]) for k in (1, 2, 3)]
    assert ends[0] == 0
    assert ends[-1] == 1
    assert capsys.readouterr().out.endswith(at_once)
    report = drift.WindowsReport.load("r.json")
    assert at_once.startswith(report.sentence)
    assert report.sentence.startswith("de has drifted (alarm since w")
    assert [each["name"] for each in report.content["windows"]] == ["w1", "w2", "w3"]
    assert list(cases((files / "r.xml").read_text("utf-8"))) == ["alarms<1"]
    assert report.sentence in (files / "r.html").read_text("utf-8")
    assert drift.Windows.load("s.npz").names == ["w1", "w2", "w3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reference.npz"], "a reference and at least one window must be given, got 1"),
        (["reference.npz", "w1.npz", "w1.npz"], "got 'w1' twice"),
        (["reference.npz", "w1.npz", "--level", "0"], "level must be above 0"),
        (["reference.npz", "w1.npz", "--paired"], "--paired has no meaning"),
        (["reference.npz", "w1.npz", "--tests", "signflip"], "tests must be among"),
    ],
)
def test_files_that_are_no_windows_are_refused(files, capsys, words, message) -> None:
    assert status([*words, "--windows", "--column", "embedding"]) == 2
    assert message in capsys.readouterr().err


def test_a_state_of_another_reference_or_tested_window_is_refused(
    files, capsys
) -> None:
    words = ["--windows", "--column", "embedding", "--tests", "ks", "--state", "s.npz"]
    assert status(["reference.npz", "w1.npz", *words]) == 0
    before = (files / "s.npz").read_bytes()
    (files / "new").mkdir()
    np.savez(files / "new" / "w1.npz", embedding=X[::-1] + 0.02)
    for others, message in (
        (["w2.npz", "w3.npz"], "other must have the same reference"),
        (["reference.npz", "new/w1.npz"], "to the window 'w1', which was tested"),
        (["reference.npz", "w2.npz", "--level", "0.1"], "level 0.05, got 0.1"),
    ):
        assert status([*others, *words]) == 2
        error = capsys.readouterr().err
        assert "s.npz does not go with it" in error
        assert message in error
        assert "tested; new rows make a window" in error or "tested" not in error
    assert (files / "s.npz").read_bytes() == before


def test_the_same_command_again_ends_as_it_did(files, capsys) -> None:
    words = ["--windows", "--group-by", "language", "--tests", "ks", "--state", "s.npz"]
    words += ["--json", "r.json", "--assert", "de.p_value>0.01", "--assert", "alarms<1"]
    found = []
    for name in ("w1.npz", "w2.npz", "w3.npz", "w3.npz", "w1.npz", "w2.npz"):
        ends = status(["reference.npz", name, *words])
        told = capsys.readouterr()
        content = drift.WindowsReport.load("r.json").to_dict()
        failures = [line for line in told.err.splitlines() if "failed:" in line]
        found.append((ends, told.out, failures, content["windows"]))
        if len(found) == 3:
            kept = (files / "s.npz").read_bytes()
    assert [ends for ends, *_ in found[:3]] == [0, 1, 1]
    assert found[3:] == [found[2], found[0], found[1]]
    assert "note: w2 was tested before, with the same rows" in told.err
    assert "note: the report is that of w2, s.npz goes on to w3" in told.err
    assert (files / "s.npz").read_bytes() == kept
    # Windows that are known beside one that is new.
    np.savez("w4.npz", embedding=X, language=np.repeat(["de", "en", "fr"], 30))
    files_of_all = ["reference.npz", *(f"w{k}.npz" for k in (4, 1, 2, 3))]
    status([*files_of_all, *words])
    assert drift.Windows.load("s.npz").names == ["w1", "w2", "w3", "w4"]
    assert "note: w1, w2 and w3 were tested before" in capsys.readouterr().err


def test_conditions_on_windows_are_judged_once(files, monkeypatch) -> None:
    judge, asked = drift.WindowsReport.assert_that, []

    def counted(report, *conditions):
        asked.append((conditions, (files / "s.npz").exists()))
        judge(report, *conditions)

    monkeypatch.setattr(drift.WindowsReport, "assert_that", counted)
    words = ["--windows", "--column", "embedding", "--tests", "ks", "--state", "s.npz"]
    words += ["--assert", "evidence<0"]
    assert status(["reference.npz", "w1.npz", *words]) == 1
    assert asked == [(("evidence<0",), False)]


def test_options_of_windows_are_refused_elsewhere(files, capsys) -> None:
    pair = ["reference.npz", "w1.npz", "--column", "embedding"]
    assert status([*pair, "--paired", "--state", "s.npz"]) == 2
    assert "--state needs --windows" in capsys.readouterr().err
    assert status([*pair, "--unpaired", "--state", "s.npz"]) == 2
    assert "--state needs --windows" in capsys.readouterr().err
    assert status([*pair, "--paired", "--level", "0.1"]) == 2
    assert "--level has no meaning" in capsys.readouterr().err
    assert status([*pair, "--paired", "--junit", "r.xml"]) == 2
    assert "--junit needs a condition" in capsys.readouterr().err
    words = ["--paired", "--junit", "r.xml", "--assert", "relative_drift<1%"]
    assert status([*pair, *words]) == 1
    assert cases((files / "r.xml").read_text("utf-8"))
