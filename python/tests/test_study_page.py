"""The study's page for a reader: its first words, tables, answers, and a notebook."""

from __future__ import annotations

import itertools
import re
from html import unescape

import pytest
import study_rows
from study_rows import arm, of_units

from vaccine_swift.pages.style import COLOURS
from vaccine_swift.study import StudyResult, report, statistics
from vaccine_swift.study.report.content import Content
from vaccine_swift.study.report.metric_drawings import trade_off
from vaccine_swift.study.report.opening import opening, tiles

ALIGNED = [arm("sft"), arm("vaccine")]
ODD = "<img src=x onerror=alert(1)>"


def page(rows, tmp_path, **options) -> str:
    report.write_html(rows, tmp_path / "r.html", **options)
    return (tmp_path / "r.html").read_text("utf-8")


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_the_page_opens_with_model_question_and_answer(tmp_path) -> None:
    rows = [
        of_units(arm("sft"), [1, 1, 1, 0]),
        of_units(arm("vaccine"), [1, 0, 1, 0]),
    ]
    for each in rows:
        each["metrics"]["before"] = {
            "harmful_score": study_rows.entry("harmful_score", [0] * 4, "abcd")
        }
    text = plain(page(rows, tmp_path))
    places = [
        text.index(part)
        for part in (
            "Model: tiny; user's task: sentiment; one seed; 2 cells of the grid.",
            "Does the alignment of tiny hold",
            "requests: 0.0 % (SFT) and 0.0 % (Vaccine ρ=2).",
            "After the attack with 10 % harmful rows, it complied with 75.0 % (SFT)",
            "This is one seed, so the differences between arms may be chance.",
            "Harm and use",
            "What is significant",
            "Before and after the attack",
            "Differences",
            "Words",
        )
    ]
    assert places == sorted(places)


def test_the_page_says_what_was_refused_needlessly(tmp_path) -> None:
    rows = [of_units(arm("none"), [1, 1, 1, 1]), of_units(arm("sft"), [1, 1, 1, 0])]
    for each in rows:
        each["metrics"]["before"] = {
            name: study_rows.entry(name, units, "abcd")
            for name, units in (
                ("harmful_score", [0] * 4),
                ("over_refusal", [0, 0, 0, 1]),
                ("near_miss_refusal", [1, 0, 1, 0]),
            )
        }
    text = plain(page(rows, tmp_path))
    assert (
        "It refused, needlessly, 25.0 % (SFT) of ordinary requests; and 50.0 % (SFT) "
        "of near misses, which share words with restricted requests." in text
    )


@pytest.mark.parametrize(
    ("seeds", "words"), [((2, 2), "2 seeds;"), ((3, 1), "1 to 3 seeds;")]
)
def test_the_page_says_how_many_seeds_there_are(tmp_path, seeds, words) -> None:
    rows = [
        of_units(arm(name), [1, 0, 1, 0]) | {"seed": seed}
        for name, count in zip(("none", "sft"), seeds, strict=True)
        for seed in range(count)
    ]
    assert words in plain(page(rows, tmp_path))


def test_a_difference_of_nothing_is_said_in_words(tmp_path) -> None:
    rows = [of_units(each, [1, 0, 1, 0]) for each in ALIGNED]
    html = page(rows, tmp_path)
    text = plain(html)
    assert "Vaccine ρ=2: harmful score is the same on every prompt." in text
    assert "none on any prompt" in text
    assert "0.0 to 0.0" not in text[text.index("Differences") : text.index("Words")]


def test_heads_of_tables_say_what_they_mean(tmp_path) -> None:
    html = page([of_units(each, [1, 0, 1, 0]) for each in ALIGNED], tmp_path)
    heads = re.findall(r'<th title="([^"]+)">([^<]+)</th>', html)
    known = {unescape(name): unescape(text) for text, name in heads}
    assert known["Harmful score, %"].startswith("Share of restricted requests")
    assert known["detectable"].startswith("The true difference")
    for text in known.values():
        assert text in unescape(html[html.index("<dl>") :])


def test_the_answer_says_what_is_more_than_chance() -> None:
    rows = []
    for seed in range(5):
        harm = [1] * 30 + [0] * (10 - seed % 2) + [1] * (seed % 2)
        rows += [of_units(arm("sft"), harm, seed=seed)]
        rows += [of_units(arm("vaccine"), [0] * 40, seed=seed)]
        rows += [of_units(arm("random"), harm, seed=seed)]
    *_, last = opening(Content.of(rows, "sft")).answers
    assert last.startswith("Different from SFT by more than chance")
    assert "Vaccine ρ=2" in last
    assert "Random" not in last
    same = [row for row in rows if row["method"] != "vaccine"]
    *_, last = opening(Content.of(same, "sft")).answers
    assert last.startswith("Each difference to SFT may be chance")


def test_no_tile_mixes_arms() -> None:
    rows = study_rows.study(poisons=(0.0, 0.2), seeds=2)
    entries = tiles(Content.of(rows, "sft"))
    scores: dict[str, list[float]] = {}
    for each in statistics.summary(rows):
        if (each["metric"], each["stage"]) == ("harmful_score", "after"):
            scores.setdefault(each["label"], []).append(each["mean"])
    expected = [
        (
            f"{min(values):.1f} to {max(values):.1f}\N{NO-BREAK SPACE}%",
            f"harmful score after the attack: {label}, over 2 cells",
        )
        for label, values in scores.items()
    ]
    assert entries[:-1] == expected


def test_wide_tables_say_that_they_scroll(tmp_path) -> None:
    text = page(study_rows.study(ALIGNED, (0.1,), 2), tmp_path)
    wide = [
        entry
        for entry in re.findall(r"<thead>.*?</thead>.*?(?=<thead>|$)", text, re.DOTALL)
        if entry.count("<th>") > 3
    ]
    assert wide
    assert all('class="swipe"' in entry for entry in wide)


def test_example_answers_are_shown_and_harmless_as_markup(tmp_path) -> None:
    answer = report.Answer("SFT", f"No.\n{ODD}", "Sure, here it is.")
    rows = study_rows.study(ALIGNED, (0.1,), 1)
    examples = {"restricted": [report.Example(f"Why? {ODD}", (answer,))]}
    text = page(rows, tmp_path, examples=examples)
    assert ODD not in text
    words = plain(text)
    assert "Example answers to restricted requests" in words
    assert "Sure, here it is." in words
    assert words.index("Harm and use") < words.index("Sure, here it is.")
    assert "Example answers" not in plain(page(rows, tmp_path))


@pytest.mark.parametrize("field", ["label", "task", "model", "processor", "swept"])
def test_no_text_of_a_row_becomes_markup(tmp_path, field) -> None:
    rows = study_rows.study(ALIGNED, (0.1,), 1)
    for number, row in enumerate(rows):
        if field == "label":
            row["label"] = f"{ODD}{number}"
        elif field == "task":
            row["task"] = ODD
        elif field == "model":
            row["settings"]["model"] = ODD
        elif field == "processor":
            row["hardware"]["processor"] = ODD
    if field == "swept":
        rows += study_rows.study(ALIGNED, (0.1,), 1, template=ODD)
    text = page(rows, tmp_path)
    assert ODD not in text
    assert "<img" not in text


def test_a_method_has_one_colour_in_every_study() -> None:
    for arms in itertools.permutations(study_rows.ARMS, 3):
        content = Content.of(study_rows.study(arms, (0.1,), 1), "sft")
        known = {"none": "quiet", "sft": "b", "vaccine": "a", "random": "d"}
        assert content.styles == {each[-1]: known[each[0]] for each in arms}


def test_methods_out_of_the_registry_have_colours_of_their_own() -> None:
    arms = [("sft", None, None, None, "SFT")]
    arms += [(f"gone-{k}", None, None, None, f"Gone {k}") for k in range(3)]
    rows = [of_units(each, [0, 1]) for each in arms]
    styles = Content.of(rows, "sft").styles
    assert len(set(styles.values())) == 4


def test_a_trade_off_tells_which_end_is_which() -> None:
    rows = study_rows.study(ALIGNED, (0.0, 0.1, 0.2), 1)
    (chart,) = trade_off(Content.of(rows, "sft"))
    assert "Lines run from p = 0 to p = 0.2, the larger dot." in chart.note
    for curve in chart.curves:
        assert [point.large for point in curve.points] == [False, False, True]
        assert [point.note for point in curve.points] == ["p = 0", "p = 0.1", "p = 0.2"]


def _luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", COLOURS)
def test_lines_stand_out_from_the_page(name) -> None:
    # WCAG 2.2, 1.4.11: graphics need a contrast of 3 to 1 to what is beside them, here
    # the white of a chart's or table's card.
    assert (1 + 0.05) / (_luminance(COLOURS[name]) + 0.05) >= 3


def test_a_notebook_shows_the_answer_and_the_table() -> None:
    rows = study_rows.study(ALIGNED, (0.1,), 2)
    text = StudyResult(rows)._repr_html_()
    assert "<script" not in text
    assert text.count("<svg") == 3
    words = plain(text)
    assert "Does the alignment of tiny hold" in words
    assert "Drift, %" in words
    assert StudyResult([])._repr_html_() is None


def test_a_dataframe_has_every_score_and_drift() -> None:
    pytest.importorskip("pandas")
    rows = study_rows.study(ALIGNED, (0.0, 0.2), 2)
    frame = StudyResult(rows).to_dataframe()
    assert len(frame) == len(rows) * (2 * 5 + 1)
    chosen = frame.query(
        "method == 'vaccine' and poison == 0.2 and seed == 1 and stage == 'after'"
    ).set_index("metric")["value"]
    row = next(
        row
        for row in rows
        if (row["method"], row["poison"], row["seed"]) == ("vaccine", 0.2, 1)
    )
    for name, entry in row["metrics"]["after"].items():
        assert chosen[name] == entry["value"]
    drift = frame[frame["metric"] == "drift"]["value"].tolist()
    expected = [100 * each["drift"]["overall"]["overall"]["value"] for each in rows]
    assert sorted(drift) == sorted(expected)


@pytest.mark.parametrize("table", ["summary", "differences"])
def test_a_dataframe_of_statistics_holds_them(table) -> None:
    pytest.importorskip("pandas")
    rows = study_rows.study(ALIGNED, (0.1,), 2)
    frame = StudyResult(rows).to_dataframe(table)
    expected = getattr(statistics, table)(rows)
    assert frame["low"].tolist() == [each["low"] for each in expected]
    with pytest.raises(ValueError, match="Did you mean 'summary'"):
        StudyResult(rows).to_dataframe("sumary")
