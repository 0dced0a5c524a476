"""States of windows: merged, saved, read again, damaged."""

from __future__ import annotations

import json
import math
import pickle
import re

import numpy as np
import pytest
from drift_windows import LABELS, REFERENCE, WEEKS, windows

from vaccine_swift import drift


def split(rows, place):
    return (
        (rows[:place], LABELS[:place]),
        (rows[place:], LABELS[place:]),
    )


def told(report: drift.WindowsReport) -> list[object]:
    """What a report says, but for when it was made."""
    content = report.to_dict()
    return [content["windows"], report.alarms, report.sentence]


def test_parts_that_are_merged_are_as_one(tmp_path) -> None:
    weeks = list(WEEKS.items())
    whole = windows(dict(weeks[:4]))
    begun = windows(dict(weeks[:2]))
    begun.report()
    begun.save(tmp_path / "begun.npz")
    left = drift.Windows.load(tmp_path / "begun.npz")
    right = pickle.loads(pickle.dumps(begun))
    for name, rows in weeks[2:4]:
        for part, (some, labels) in zip((left, right), split(rows, 50), strict=True):
            part.add(name, some, segments=labels)
    merged = left + right
    assert left.waiting == merged.waiting == ["2026-W42", "2026-W43"]
    expected = whole.report().to_dict()["windows"]
    assert merged.report().to_dict()["windows"] == expected
    assert left.waiting == ["2026-W42", "2026-W43"]


@pytest.mark.parametrize("tested", [True, False])
def test_a_state_comes_back_and_goes_on(tmp_path, tested) -> None:
    weeks = list(WEEKS.items())
    begun = windows(dict(weeks[:3]), metadata={"model": "a"})
    if tested:
        begun.report()
    begun.save(tmp_path / "state.npz")
    again = drift.Windows.load(tmp_path / "state.npz")
    assert again.names == begun.names
    assert again.waiting == begun.waiting
    assert again.metadata == {"model": "a"}
    for name, rows in weeks[3:]:
        again.add(name, rows, segments=LABELS)
    expected = windows().report().to_dict()["windows"]
    assert again.report().to_dict()["windows"] == expected


def test_a_break_loses_no_window(monkeypatch) -> None:
    made = windows(dict(list(WEEKS.items())[:3]))
    calls = []

    def broken(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return drift.mmd(*arguments, **options)

    monkeypatch.setattr("vaccine_swift.drift.windows_testing.mmd", broken)
    with pytest.raises(KeyboardInterrupt):
        made.report()
    assert made.waiting == ["2026-W41", "2026-W42"]
    assert made.names == list(WEEKS)[:3]
    expected = windows(dict(list(WEEKS.items())[:3])).report().to_dict()["windows"]
    assert made.report().to_dict()["windows"] == expected


def test_a_tree_of_parts_is_as_one() -> None:
    begun = windows({"2026-W40": WEEKS["2026-W40"]})
    begun.report()
    parts = []
    for place in range(0, 120, 40):
        part = pickle.loads(pickle.dumps(begun))
        chosen = slice(place, place + 40)
        part.add("2026-W41", WEEKS["2026-W41"][chosen], segments=LABELS[chosen])
        parts.append(part)
    found = drift.merge_tree(parts).report().to_dict()["windows"]
    whole = windows({name: WEEKS[name] for name in ("2026-W40", "2026-W41")})
    assert found == whole.report().to_dict()["windows"]


def test_a_window_that_was_tested_takes_no_more_rows() -> None:
    made = windows()
    made.report()
    with pytest.raises(ValueError, match="was not tested yet, got '2026-W40'"):
        made.add("2026-W40", REFERENCE, segments=LABELS)
    late = windows({"2026-W40": REFERENCE})
    with pytest.raises(ValueError, match="rows to the window '2026-W40'"):
        made + late
    late.report()
    with pytest.raises(ValueError, match="merge before testing"):
        made + late


def test_the_same_rows_of_a_tested_window_change_nothing(tmp_path) -> None:
    made = windows()
    expected = made.report()
    made.save(tmp_path / "state.npz")
    again = drift.Windows.load(tmp_path / "state.npz")
    parts = split(WEEKS["2026-W41"], 70)
    gathered = windows({})
    for rows, labels in parts:
        gathered.add("2026-W41", rows, segments=labels)
    for both in (
        again.add("2026-W40", WEEKS["2026-W40"], segments=LABELS),
        again + gathered,
        gathered + again,
    ):
        assert both.waiting == []
        assert told(both.report()) == told(expected)
    rows, labels = parts[0]
    for name, values, segments in (
        ("2026-W41", rows, labels),  # a part alone
        ("2026-W41", WEEKS["2026-W42"], LABELS),
        ("2026-W41", WEEKS["2026-W41"], LABELS[::-1]),
    ):
        with pytest.raises(ValueError, match="with other rows than were tested"):
            again.add(name, values, segments=segments)
    assert told(again.report()) == told(expected)


def test_a_report_until_a_window_is_what_it_was_then() -> None:
    made = windows({})
    reports = {}
    for name, rows in WEEKS.items():
        made.add(name, rows, segments=LABELS)
        reports[name] = made.report()
    for name, report in reports.items():
        assert told(made.report(until=name)) == told(report)
    assert told(made.report()) == told(reports["2026-W45"])
    with pytest.raises(ValueError, match="until must name a window, got '2026-W4'"):
        made.report(until="2026-W4")


def test_a_state_without_fingerprints_opens_and_takes_no_rows(tmp_path) -> None:
    from vaccine_swift.drift import windows_storage

    made = windows({"2026-W40": WEEKS["2026-W40"]})
    expected = made.report()
    state = made._state.copy()
    del state.tested[0]["fingerprint"]
    windows_storage.save(tmp_path / "old.npz", state, {})
    old = drift.Windows.load(tmp_path / "old.npz")
    assert told(old.report()) == told(expected)
    with pytest.raises(ValueError, match="was not tested yet, got '2026-W40'"):
        old.add("2026-W40", WEEKS["2026-W40"], segments=LABELS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 0.1}, "level 0.05, got 0.1"),
        ({"seed": 3}, "seed 0, got 3"),
        ({"tests": ["energy"]}, "tests ['mmd'], got ['energy']"),
        ({"permutations": 99}, "permutations 199, got 99"),
    ],
)
def test_what_does_not_fit_is_not_merged(options, words) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        windows() + windows(**options)


def test_other_segments_are_not_merged() -> None:
    plain = drift.Windows(REFERENCE, tests=["mmd"], permutations=199)
    expected = r"other must have segments \['de', 'en', 'fr'\], got \[\]"
    with pytest.raises(ValueError, match=expected):
        windows() + plain


def test_another_reference_is_not_merged() -> None:
    other = drift.Windows(
        REFERENCE + 1, segments=LABELS, tests=["mmd"], permutations=199
    )
    with pytest.raises(ValueError, match="the same reference"):
        windows() + other
    with pytest.raises(TypeError, match="must be a Windows, got int"):
        windows().merge(3)


def test_damaged_and_foreign_states_are_refused(tmp_path) -> None:
    made = windows({"2026-W40": WEEKS["2026-W40"]})
    made.report()
    path = tmp_path / "state.npz"
    made.save(path)
    whole = path.read_bytes()
    for place in (len(whole) // 3, len(whole) // 2):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"state\.npz"):
            drift.Windows.load(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="no file of windows, or truncated"):
        drift.Windows.load(path)
    accumulator = drift.Accumulator(width=2)
    accumulator.update(np.ones((3, 2)), np.ones((3, 2)), ids=range(3))
    accumulator.save(path)
    expected = r"windows/1', got 'vaccine_swift\.drift\.accumulator/2'"
    with pytest.raises(ValueError, match=expected):
        drift.Windows.load(path)
    made.save(path)
    with pytest.raises(ValueError, match=r"accumulator/2', got .*windows/1'"):
        drift.load(path)
    with pytest.raises(FileNotFoundError):
        drift.Windows.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "change",
    [
        lambda head, _: head["settings"].update(level=2.0),
        lambda head, _: head["settings"].update(lines=["de"]),
        lambda head, _: head["settings"].update(most_rows=-1),
        lambda head, _: head["tested"][0]["lines"]["de"].update(rank=[0, 200]),
        lambda head, _: head["tested"][0]["lines"].pop("de"),
        lambda head, _: head["tested"][0]["lines"]["de"].pop("p_value"),
        lambda head, _: head["tested"][0]["lines"]["de"].update(mean_shift="x"),
        lambda head, _: head["tested"][0].update(new=[1]),
        lambda head, _: head["tested"][0].update(fingerprint=1),
        lambda head, _: head.update(tested=""),
        lambda head, _: head.pop("tested"),
        lambda head, _: head.update(waiting=["a"]),
        lambda head, _: head.update(labels=[]),
        lambda _, arrays: arrays["pool:rows"].fill(math.nan),
        lambda _, arrays: arrays.update({"pool:labels": np.full(240, -1)}),
        lambda _, arrays: arrays.update({"pool:rows": np.ones((240, 3))}),
        lambda _, arrays: arrays.pop("reference:labels"),
    ],
)
def test_a_state_that_lies_with_a_right_checksum_is_refused(tmp_path, change) -> None:
    from vaccine_swift.drift.archive import checksum

    path = tmp_path / "state.npz"
    made = windows({"2026-W40": WEEKS["2026-W40"]})
    made.report()
    made.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays.pop("header").tobytes())
    header.pop("checksum")
    change(header, arrays)
    header["checksum"] = checksum(arrays, header)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"state\.npz is damaged"):
        drift.Windows.load(path)
