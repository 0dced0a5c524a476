"""``vaccine-swift study`` on a tiny model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from study_support import TINY, write_study_model

from vaccine_swift.cli import main
from vaccine_swift.cli.entry import build_parser
from vaccine_swift.cli.study_options import study_config
from vaccine_swift.study import StudyConfig, preset


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


def words(**changes) -> list[str]:
    settings = {**TINY, "seeds": 1, **changes}
    found = []
    for name, value in settings.items():
        several = value if isinstance(value, tuple) else (value,)
        found += [f"--{name.replace('_', '-')}", ",".join(map(str, several))]
    return found


def parsed(*arguments: str) -> StudyConfig:
    return study_config(build_parser().parse_args(["study", "--out", "x", *arguments]))


def test_a_study_prints_its_table_and_writes_its_report(
    model, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "160")
    out = tmp_path / "out"
    command = ["study", "--model", str(model), "--out", str(out), *words()]
    assert main(command) == 0
    told = capsys.readouterr()
    rows = map(json.loads, (out / "results.jsonl").read_text("utf-8").splitlines())
    for row in rows:
        score = row["metrics"]["before"]["harmful_score"]["value"]
        drift = 100 * row["drift"]["overall"]["overall"]["value"]
        found = re.search(
            rf"{row['label']} +0\.2 +before +(\S+) .*\n +after +.* (\S+) +\n", told.out
        )
        assert found.groups() == (f"{score:.1f}", f"{drift:.1f}")
    assert f"report: {out / 'report.html'}" in told.out
    for stage in ("align", "before", "attack", "after", "drift"):
        assert re.search(rf"SFT.*seed 0: {stage}: \d\d:\d\d", told.err)
    names = {each.name for each in out.iterdir()}
    assert names >= {"results.jsonl", "report.html", "summary.csv", "differences.csv"}
    rows = (out / "results.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["method"] for row in rows] == ["sft", "vaccine"]


def test_a_dry_run_counts_what_is_left_and_writes_nothing(model, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["study", "--model", str(model), "--out", str(out)]
    # Two arms of five stages, and the unaligned model, which has no alignment.
    methods = {"methods": ("none", "sft", "vaccine")}
    assert main([*command, *words(**methods), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert re.fullmatch(
        r"3 rows of results \(cells times seeds\), 14 stages: "
        r"about \d+ \w+ on this machine\n",
        told,
    )
    assert not out.exists()
    assert main([*command, *words(methods="sft")]) == 0
    before = {each: each.stat().st_mtime_ns for each in out.rglob("*")}
    capsys.readouterr()
    assert main([*command, *words(**methods), "--dry-run"]) == 0
    assert "14 stages, 5 of them done: about" in capsys.readouterr().out
    assert main([*command, *words(methods="sft"), "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith("5 stages, 5 of them done\n")
    assert main([*command, *words(methods="sft", limit=1), "--dry-run"]) == 2
    assert "out must be a folder of this study" in capsys.readouterr().err
    assert {each: each.stat().st_mtime_ns for each in out.rglob("*")} == before


def test_a_dry_run_refuses_a_folder_of_something_else(model, tmp_path, capsys):
    (tmp_path / "letters").write_text("")
    command = ["study", "--model", str(model), "--out", str(tmp_path), *words()]
    assert main([*command, "--dry-run"]) == 2
    assert "holds 'letters'" in capsys.readouterr().err


def test_every_field_is_an_option_of_its_name():
    assert parsed() == preset("laptop") == StudyConfig()
    config = parsed(
        *("--methods", "sft,vaccine", "--rho", "0.1,1,10", "--every", "1,10"),
        *("--poison", "0,0.05", "--samples", "300", "--seeds", "5", "--lora", "single"),
        *("--sweep", "align-steps=30,60", "--sweep", "attack_learning_rate=1e-4"),
        *("--evaluate-on", "validation", "--limit", "7", "--judge", "rule"),
    )
    assert config == StudyConfig(
        methods=("sft", "vaccine"),
        rho=(0.1, 1, 10),
        every=(1, 10),
        poison=(0, 0.05),
        samples=300,
        seeds=5,
        lora="single",
        sweep={"align_steps": [30, 60], "attack_learning_rate": [1e-4]},
        evaluate_on="validation",
        limit=7,
        judge="rule",
    )


def test_chosen_seeds_and_a_preset_with_changes():
    config = parsed("--preset", "rho-sweep", "--seeds", "3,8", "--rho", "1")
    assert (config.seeds, config.rho) == ((3, 8), (1.0,))
    assert config.methods == preset("rho-sweep").methods


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "vacine"], "Did you mean 'vaccine'?"),
        (["--poison", "2"], "poison must be at least 0 and at most 1, got 2.0"),
        (["--task", "sentimental"], "Did you mean 'sentiment'?"),
        (["--sweep", "methods=sft"], "sweep must be among"),
        (["--model", "smollm"], "Did you mean 'smollm2'?"),
    ],
)
def test_bad_settings_are_one_line_and_status_2(tmp_path, capsys, arguments, message):
    assert main(["study", "--out", str(tmp_path / "out"), *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "labtop"], "invalid choice: 'labtop'"),
        (["--sweep", "align-step=3"], "Did you mean 'align_steps'?"),
        (["--sweep", "align-steps=a"], "align-steps: invalid literal"),
        (["--posion", "0.1"], "Did you mean '--poison'?"),
        (["--rho", "big"], "--rho: invalid float values value"),
    ],
)
def test_bad_options_leave_with_status_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        main(["study", "--out", "x", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_an_error_of_a_stage_names_the_stage(model, tmp_path, capsys):
    command = ["study", "--model", str(model), "--out", str(tmp_path / "out")]
    # No weight stands a learning rate like this for three steps.
    command += words(methods=("none",), attack_learning_rate=1e30)
    assert main(command) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("vaccine-swift study: error: ")
    assert told.endswith("(No alignment, p=0.2, seed 0: attack)")
