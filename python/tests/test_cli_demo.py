"""``vaccine-swift demo``, with a tiny model and study in place of the real ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from study_support import TINY, tiny_study, write_study_model

from vaccine_swift import assets, data, study
from vaccine_swift.cli import demo, main
from vaccine_swift.cli.comparison import curve
from vaccine_swift.study import preset
from vaccine_swift.study.judges.refusals import is_refusal
from vaccine_swift.study.splits import safety_rows


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


def test_demo_compares_methods_shows_answers_and_reports(
    model_path, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(assets, "fetch_smollm2", lambda: model_path)
    monkeypatch.setattr(
        demo,
        "preset",
        lambda name: preset(name, **{**TINY, "methods": ("none", "vaccine")}),
    )
    monkeypatch.setenv("COLUMNS", "160")
    output = tmp_path / "demo"
    assert main(["demo", "--output-dir", str(output)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("request ") == 7
    assert printed.count("before ") >= 7
    assert "No alignment" in printed
    assert "Vaccine ρ=2" in printed
    assert "One seed shows" in printed
    assert str(output / "report.html") in printed.replace("\n", "")
    assert (output / "report.html").is_file()
    last = printed[printed.index("What to try next") :]
    assert f"--preset demo --seeds 5 --out {output}" in last

    page = (output / "report.html").read_text("utf-8")
    assert "Example answers to restricted requests" in page
    assert page.count("before the attack</th>") == 7

    (row,) = [
        row
        for row in map(json.loads, (output / "results.jsonl").read_text().splitlines())
        if row["method"] == "vaccine"
    ]
    first, last = row["losses"]["attack"][0][1], row["losses"]["attack"][-1][1]
    assert f"{first:.2f} " in printed
    assert f" {last:.2f}" in printed


def test_the_report_shows_the_answers_of_every_aligned_arm_and_the_demo_its_time(
    model_path, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(assets, "fetch_smollm2", lambda: model_path)
    monkeypatch.setattr(
        demo,
        "preset",
        lambda name: preset(name, **{**TINY, "methods": ("sft", "vaccine")}),
    )
    assert main(["demo", "--output-dir", str(tmp_path / "demo")]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("request ") == 7
    first = captured.err.splitlines()[0]
    assert re.fullmatch(
        r"10 stages to do: about \d+ (s|minutes) on this machine", first
    )
    page = (tmp_path / "demo" / "report.html").read_text("utf-8")
    answers = page[page.index("Example answers") : page.index("What is significant")]
    assert answers.count("<tbody>") == 7
    assert answers.count("SFT</span>") == answers.count("Vaccine ρ=2</span>") == 7


def test_answers_stand_by_their_requests_and_are_those_of_each_alone(
    model_path, tmp_path
) -> None:
    config = tiny_study(model_path, methods="sft")
    result = study.run(config, tmp_path / "out", progress=False)
    (row,) = result.rows
    found = demo._answers(result, row)
    assert [len(found[kind]) for kind in ("restricted", "ordinary")] == [4, 3]
    models = [result.model(row, attacked=attacked) for attacked in (False, True)]
    for kind, comparisons in found.items():
        for asked, each in zip(
            safety_rows(kind, "proxy", "test"), comparisons, strict=False
        ):
            assert each.request.startswith(asked["instruction"])
            prompt = data.render_prompt(asked, models[0].tokenizer, "chat")
            before, after = (
                model.generate([prompt], 40, add_special_tokens=False)[0]
                for model in models
            )
            assert (each.before, each.after) == (before, after)


def test_the_demo_is_one_seed_of_three_methods() -> None:
    config = preset("demo")
    assert config.methods == ("none", "sft", "vaccine")
    assert (config.poison, config.seeds, config.model) == ((0.1,), (0,), "smollm2")


def test_every_refusal_of_the_shipped_set_is_seen_as_one() -> None:
    rows = data.proxy("train", "restricted") + data.proxy("test", "restricted")
    missed = {row["output"] for row in rows if not is_refusal(row["output"])}
    assert not missed


def test_no_ordinary_answer_of_the_shipped_set_is_seen_as_a_refusal() -> None:
    rows = data.proxy("train", "ordinary") + data.proxy("test", "ordinary")
    assert not [row["output"] for row in rows if is_refusal(row["output"])]


@pytest.mark.parametrize(
    "answer",
    ["I'm so sorry to hear that.", "I can help with that.", "Sure, sorry!", ""],
)
def test_sympathy_and_consent_are_no_refusals(answer) -> None:
    assert not is_refusal(answer)


def test_the_curve_of_a_constant_is_flat() -> None:
    assert curve([1.0] * 50) == f"1.00 {'▁' * 20} 1.00"


def test_the_curve_starts_and_ends_at_means_of_equal_stretches() -> None:
    assert curve([float(x) for x in range(40)]).split()[::2] == ["0.50", "38.50"]
