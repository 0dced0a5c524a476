"""Windows against a reference: laws of the alarms, state, report, page, command."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import re
from xml.etree import ElementTree as ET

import ml_dtypes
import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.statistics import rank_evidence, rank_log_evidence

LABELS = np.repeat(["de", "en", "fr"], 40)
RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(120, 4))
WEEKS = {f"2026-W{40 + k}": RNG.normal(size=(120, 4)) for k in range(6)}
for number, week in enumerate(WEEKS.values()):
    week[:40] += 1.0 * (number >= 3)


def windows(weeks=WEEKS, **options) -> drift.Windows:
    settings = {"segments": LABELS, "tests": ["mmd"], "permutations": 199, **options}
    made = drift.Windows(REFERENCE, **settings)
    for name, rows in weeks.items():
        made.add(name, rows, segments=LABELS)
    return made


@pytest.fixture(scope="module")
def report() -> drift.WindowsReport:
    return windows().report()


# MARK: The law of evidence


@pytest.mark.parametrize("count", [2, 20, 1000])
def test_an_e_value_has_the_mean_1_over_all_ranks(count) -> None:
    values = np.array([rank_evidence(rank, count) for rank in range(1, count + 1)])
    np.testing.assert_allclose(values.mean(0), 1, rtol=1e-12)
    assert (np.diff(values, axis=0) <= 0).all()


def test_evidence_is_the_mean_over_bets_and_starts() -> None:
    ranks = [(3, 20), (1, 50), (20, 20), (1, 20)]
    e_values = np.array([rank_evidence(*each) for each in ranks])
    for steps in range(1, 5):
        expected = 1 / (steps + 1)
        for start in range(1, steps + 1):
            products = e_values[start - 1 : steps].prod(0)
            expected += products.mean() / (start * (start + 1))
        found = rank_log_evidence(ranks)[steps - 1]
        assert math.exp(found) == pytest.approx(expected, rel=1e-12)


def test_the_mean_of_the_evidence_is_1_over_all_courses() -> None:
    courses = itertools.product(range(1, 6), repeat=4)
    final = [rank_log_evidence([(k, 5) for k in each])[-1] for each in courses]
    assert np.exp(final).mean() == pytest.approx(1, rel=1e-12)


def test_evidence_of_many_extreme_ranks_does_not_overflow() -> None:
    course = rank_log_evidence([(1, 2**20)] * 400)
    assert np.isfinite(course).all()
    assert course[-1] > 4000
    assert (np.diff(course) > 0).all()


def test_uniform_ranks_seldom_raise_an_alarm_in_a_long_run() -> None:
    rng = np.random.default_rng(0)
    ever = 0
    for _ in range(300):
        ranks = rng.integers(1, 101, 300).tolist()
        ever += max(rank_log_evidence((rank, 100) for rank in ranks)) >= math.log(20)
    # At most 5 % in the mean; 0.05 · 300 = 15.
    assert 0 < ever <= 15


# MARK: The law of alarms


def alarm(seed, *, n=30, m=10, steps=15, shift=0.0, start=0, most_rows=10_000):
    """The window of the first alarm, None without one."""
    rng = np.random.default_rng([1, seed])
    made = drift.Windows(
        rng.normal(size=(n, 1)),
        tests=["ks"],
        permutations=49,
        seed=seed,
        most_rows=most_rows,
    )
    for step in range(steps):
        made.add(step, rng.normal(size=(m, 1)) + shift * (step >= start))
    return made.report().alarms.get("all")


def test_windows_without_drift_seldom_raise_an_alarm() -> None:
    alarms = [alarm(seed) for seed in range(120)]
    assert sum(each is not None for each in alarms) <= 6  # 5 %


def test_a_pool_that_forgets_keeps_the_law() -> None:
    alarms = [alarm(seed, n=90, m=25, most_rows=100) for seed in range(60)]
    assert sum(each is not None for each in alarms) <= 3  # 5 %


def test_ranks_against_one_reference_would_not_keep_it() -> None:
    """Why windows are compared with the pool: the same evidence, a fixed reference."""
    ever = 0
    for seed in range(40):
        rng = np.random.default_rng([2, seed])
        reference, ranks = rng.normal(size=(8, 1)), []
        for step in range(25):
            found = drift.mmd(
                reference,
                rng.normal(size=(100, 1)),
                permutations=49,
                seed=1000 * seed + step,
            )
            ranks.append((round(50 * found.p_value), 50))
        ever += max(rank_log_evidence(ranks)) >= math.log(20)
    # At 5 %, 2 are expected; 6 or more have a chance below 0.02.
    assert ever >= 6


def test_a_drift_raises_an_alarm_soon_after_it_began() -> None:
    found = [alarm(seed, n=100, m=50, shift=1.0, start=5) for seed in range(20)]
    assert all(each is not None and 5 <= int(each) <= 8 for each in found)
    small = [alarm(seed, n=200, m=50, shift=0.5, start=5) for seed in range(20)]
    assert sum(each is not None and int(each) >= 5 for each in small) >= 14


# MARK: What a window shows


def test_a_window_is_tested_against_the_reference_as_by_two_sample(report) -> None:
    content = report.to_dict()
    for (name, rows), window in zip(WEEKS.items(), content["windows"], strict=True):
        assert (window["name"], window["rows"]) == (name, 120)
        made = drift.two_sample(
            REFERENCE,
            rows,
            segments=(LABELS, LABELS),
            tests=["mmd"],
            permutations=199,
        ).to_dict()["segments"]
        assert list(window["lines"]) == list(made) == content["settings"]["lines"]
        for line, entry in window["lines"].items():
            expected, found = made[line], entry
            assert found["mean_shift"] == expected["mean_shift"]
            test, other = found["tests"]["mmd"], expected["tests"]["mmd"]
            # Other draws of the same permutations and of the bandwidth's rows.
            assert test["statistic"] == pytest.approx(other["statistic"], abs=2e-3)
            assert test["p_value"] == pytest.approx(other["p_value"], abs=0.15)


def test_the_sentence_names_what_drifted_and_since_when(report) -> None:
    since = report.alarms["de"]
    assert since in ("2026-W43", "2026-W44")
    assert report.sentence == (
        f"de has drifted (alarm since {since}); no drift was found in en and fr."
    )
    assert repr(report) == f"WindowsReport(6 windows: {report.sentence})"


def test_evidence_follows_from_the_ranks(report) -> None:
    content = report.to_dict()
    assert content["settings"]["threshold"] == 4 / 0.05
    for line in content["settings"]["lines"]:
        entries = [window["lines"][line] for window in content["windows"]]
        course = rank_log_evidence([each["rank"] for each in entries])
        assert [each["evidence"] for each in entries] == pytest.approx(np.exp(course))
        assert all(each["rank"][1] == 200 for each in entries)


def test_the_rank_is_that_against_the_pool_of_all_before() -> None:
    rows = list(WEEKS.values())
    made = drift.Windows(REFERENCE, tests=["ks"], permutations=1999)
    for step in range(4):
        made.add(step, rows[step])
    found = made.report().to_dict()["windows"][3]["lines"]["all"]["rank"]
    pool = np.concatenate([REFERENCE, *rows[:3]])
    expected = drift.mmd(pool, rows[3], permutations=1999, seed=5)
    # Two Monte Carlo p-values of one test: √(2 p (1 - p) / B) ≤ 0.016 apart.
    assert found[0] / found[1] == pytest.approx(expected.p_value, abs=0.05)


def test_permutations_suffice_for_the_tests_of_a_window() -> None:
    labels = np.repeat(np.arange(30), 10)
    x = np.random.default_rng(0).normal(size=(300, 2))
    made = drift.Windows(x, segments=labels, tests=["mmd"])
    y = x.copy()
    y[labels == 7] += 20
    found = made.add("a", y, segments=labels).report().to_dict()
    assert found["settings"]["permutations"] == 2 * 31 / 0.05
    assert found["windows"][0]["lines"]["7"]["p_value"] <= 0.025


def test_segments_without_a_line_and_empty_ones_are_told() -> None:
    made = windows({"2026-W40": WEEKS["2026-W40"]})
    changed = np.where(LABELS == "fr", "es", LABELS)
    found = made.add("2026-W41", WEEKS["2026-W41"], segments=changed).report()
    window = found.to_dict()["windows"][1]
    assert window["new"] == {"es": 40}
    entry = window["lines"]["fr"]
    assert (entry["rank"], entry["reason"]) == (None, "only in the reference")
    before = found.to_dict()["windows"][0]["lines"]["fr"]["evidence"]
    assert entry["evidence"] == before
    assert "Segments that the reference lacks" in found.to_html()
    with pytest.raises(drift.DriftExceeded, match="only in the reference"):
        found.assert_that("fr.p_value>0.01")


def test_rows_that_are_all_equal_are_told_and_raise_no_alarm() -> None:
    made = drift.Windows(np.ones((20, 3)), permutations=19, tests=["mmd"])
    for step in range(3):
        made.add(step, np.ones((20, 3)))
    found = made.report()
    assert found.sentence == "No drift was found in 3 windows."
    assert "median" in found.to_dict()["windows"][0]["lines"]["all"]["reason"]


def test_only_so_many_rows_are_kept() -> None:
    rng = np.random.default_rng(0)
    made = drift.Windows(
        rng.normal(size=(1000, 3)), tests=["ks"], permutations=19, most_rows=200
    )
    limit = 2 * 200 * 3 * 8
    for step in range(8):
        made.add(step, rng.normal(size=(300, 3)))
        found = made.report().to_dict()["windows"][step]
        assert found["rows"] == 300
        assert found["lines"]["all"]["current"] == 200
        assert made.memory <= limit


# MARK: State


def split(rows, place):
    return (
        (rows[:place], LABELS[:place]),
        (rows[place:], LABELS[place:]),
    )


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


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"reference": REFERENCE[:4]}, ValueError, "reference must have at least 5"),
        (
            {"reference": [[math.nan]] * 9},
            ValueError,
            "reference must be finite, but 9",
        ),
        ({"segments": LABELS[:9]}, ValueError, "segments must have one label"),
        ({"segments": ["all"] * 120}, ValueError, "'all' stands for all"),
        ({"tests": ["mdm"]}, ValueError, "Did you mean 'mmd'"),
        ({"tests": "mmd"}, TypeError, "sequence of names"),
        ({"level": 0}, ValueError, "level"),
        ({"permutations": 0}, ValueError, "permutations"),
        ({"most_rows": 10}, ValueError, "most_rows must be at least 100"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_settings_name_themselves(options, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        drift.Windows(**{"reference": REFERENCE, **options})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3.5, REFERENCE, LABELS), TypeError, "name must be a str, int or date"),
        ((True, REFERENCE, LABELS), TypeError, "got bool"),
        ((" ", REFERENCE, LABELS), ValueError, "name must not be empty"),
        (("w", REFERENCE[:, :3], LABELS), ValueError, "x must have the 4 columns"),
        (("w", np.full((2, 4), np.inf), ["a", "b"]), ValueError, "x must be finite"),
        (("w", REFERENCE, None), ValueError, "for none; the reference has some"),
        (("w", REFERENCE, LABELS[:3]), ValueError, "segments must have one label"),
    ],
)
def test_bad_rows_name_themselves_and_change_nothing(arguments, error, words) -> None:
    made = windows({})
    name, rows, labels = arguments
    with pytest.raises(error, match=re.escape(words)):
        made.add(name, rows, segments=labels)
    assert made.names == []
    assert made.report().sentence == "No window was tested."


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_rows_of_16_bits_are_kept_as_float32(dtype) -> None:
    made = drift.Windows(np.arange(60).reshape(20, 3).astype(dtype))
    assert made.memory == 2 * 60 * 4


# MARK: Out


def test_json_comes_back(report, tmp_path) -> None:
    report.to_json(tmp_path / "r.json")
    again = drift.WindowsReport.load(tmp_path / "r.json")
    assert again == report
    assert again.to_html() == report.to_html()
    assert again != drift.two_sample(REFERENCE, REFERENCE + 1, tests=["ks"])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no report of windows"):
        drift.WindowsReport.load(tmp_path / "other.json")


def test_a_dataframe_has_a_row_for_each_window_and_line(report) -> None:
    pytest.importorskip("pandas")
    frame = report.to_dataframe()
    assert len(frame) == 6 * 4
    first = frame["alarm"].unstack()["de"].idxmax()
    assert first == report.alarms["de"]
    assert windows({}).report().to_dataframe().empty


def test_the_page_opens_with_the_sentence_and_is_small() -> None:
    labels = np.array([f"<{k % 20}>" for k in range(200)])
    rng = np.random.default_rng(0)
    made = drift.Windows(
        rng.normal(size=(200, 2)), segments=labels, tests=["ks"], permutations=9
    )
    for step in range(2):
        made.add(f"<w{step}>", rng.normal(size=(200, 2)), segments=labels)
    content = made.report().to_dict()
    content["windows"] *= 30
    page = drift.WindowsReport(content).to_html(title="A & B")
    assert len(page.encode()) < 400_000
    assert "<script" not in page
    assert "<title>A &amp; B</title>" in page
    lead = re.search(r'<p class="lead"><b>(.*?)</b>', page)[1]
    assert lead.startswith("No drift was found in &lt;0&gt;")
    assert "<w1" not in page
    assert "47 of 60 windows" in page
    assert "11 lines with less evidence are left out" in page
    for chart in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(chart)


def test_a_page_of_very_many_lines_has_those_with_most_evidence(report) -> None:
    content = report.to_dict()
    names = ["all", *(f"segment {k} of the shop" for k in range(3000))]
    content["settings"]["lines"] = names
    for window in content["windows"]:
        calm = window["lines"]["en"]
        window["lines"] = dict.fromkeys(names, calm)
        window["lines"]["segment 1234 of the shop"] = {**calm, "evidence": 1e9}
        window["new"] = {f"new segment {k}": 3 for k in range(5000)}
    many = drift.WindowsReport(content)
    for page in (many.to_html(), many._repr_html_()):
        assert len(page.encode()) < 400_000
        assert "<b>segment 1234 of the shop</b>" in page
        assert "2801 lines with less evidence are left out here" in page


def test_rows_are_kept_in_the_type_of_the_reference() -> None:
    made = drift.Windows(REFERENCE.astype(np.float32), tests=["ks"])
    given = WEEKS["2026-W40"].copy()
    made.add("a", given)
    given += 100
    made.add("a", given[:5] - 100)
    assert made.memory == (2 * 120 + 125) * 4 * 4
    found = made.report().to_dict()["windows"][0]
    assert found["rows"] == 125
    assert found["lines"]["all"]["mean_shift"] < 1
    with pytest.raises(ValueError, match="x must be finite as float32, but 1 elements"):
        made.add("b", [[1e39, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.int16, ">f4"])
def test_rows_of_any_type_are_read(kind) -> None:
    sides = [(8 * rows).round().astype(kind) for rows in (REFERENCE, REFERENCE + 1)]
    shifts = []
    for x, y in (sides, [side.astype(float) for side in sides]):
        made = drift.Windows(x, tests=["ks"], permutations=19).add("a", y)
        entry = made.report().to_dict()["windows"][0]["lines"]["all"]
        shifts.append(entry["mean_shift"])
    assert shifts[0] == pytest.approx(shifts[1], rel=1e-5)


def test_the_threshold_is_drawn_with_a_line_for_each_segment(report) -> None:
    page = report.to_html()
    chart = re.search("<h3>Evidence of drift.*?</figure>", page, re.DOTALL)[0]
    for label in ("all", "de", "en", "fr", "alarm at 80"):
        assert f"</i>{label}</span>" in chart
    assert chart.count("2026-W") > 6 * 4
    assert windows({}).report().to_html().count("<svg") == 0


@pytest.mark.parametrize("kind", ["evidence", "shifts"])
def test_every_kind_of_picture_is_drawn(report, kind) -> None:
    pytest.importorskip("matplotlib")
    assert report.plot(kind).axes[0].get_xlabel() == "window"
    with pytest.raises(ValueError, match="Did you mean 'shifts'"):
        report.plot("shift")
    with pytest.raises(ValueError, match="nothing of it to draw"):
        windows({}).report().plot(kind)


def test_each_window_has_a_place_of_its_own_on_the_page(report) -> None:
    """With ticks at every second window only, as five names have room."""
    assert len(WEEKS) == 6
    charts = re.findall(r"<svg.*?</svg>", report.to_html(), re.DOTALL)
    for chart in charts:
        (line, *_) = re.findall(r'class="line a" d="M([^"]*)"', chart)
        places = [float(point.split(",")[0]) for point in line.split("L")]
        assert np.diff(places) == pytest.approx([np.diff(places)[0]] * 5, abs=0.2)


def test_a_notebook_gets_the_sentence(report) -> None:
    bundle = report._repr_mimebundle_()
    assert report.sentence in bundle["text/html"]
    assert "<body" not in bundle["text/html"]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("alarms<1", False),
        ("alarms<=4", True),
        ("de.evidence<80", False),
        ("en.evidence<80", True),
        ("de.p_value>0.05", False),
        ("en.p_value>0.001", True),
        ("de.mean_shift<20%", False),
    ],
)
def test_a_condition_looks_at_alarms_and_the_last_window(
    report, condition, holds
) -> None:
    if holds:
        report.assert_that(condition)
    else:
        with pytest.raises(drift.DriftExceeded, match=re.escape(condition[:5])):
            report.assert_that(condition)
    with pytest.raises(ValueError, match="Did you mean 'en.evidence'"):
        report.assert_that("em.evidence<3")
