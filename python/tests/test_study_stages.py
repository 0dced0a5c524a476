"""Which settings a stage's key holds, and that folders written before still open."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vaccine_swift import study
from vaccine_swift.cli.entry import build_parser
from vaccine_swift.study import inputs
from vaccine_swift.study.checks import Number
from vaccine_swift.study.config import SETTINGS
from vaccine_swift.study.setting import parameters_text, setting, settings_of

FOLDER = Path(__file__).parent / "study_folder"
_SPEC = importlib.util.spec_from_file_location("write_study", FOLDER / "write.py")
write = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(write)

STAGES = json.loads((FOLDER / "stage_folders.json").read_text("utf-8"))
CASES = dict(write.cases())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A copy of the files, as if this were the machine that wrote them."""
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setattr(inputs, "show_config", lambda: write.BUILD)
    return copy


def test_every_case_is_kept() -> None:
    assert CASES.keys() == STAGES.keys()


@pytest.mark.parametrize("case", CASES)
def test_stages_have_the_names_of_folders_written_before(folder, case) -> None:
    assert write.stage_folders(CASES[case]) == STAGES[case]


# What each stage's name depends on through the stage that it builds on.
_AFTER = {
    "align": {"align", "before", "attack", "after", "drift"},
    "attack": {"attack", "after", "drift"},
    "evaluate": {"before", "after"},
    "drift": {"drift"},
}
_LIVE = {
    "methods": ("random",),
    "rho": (3.0,),
    "every": (2,),
    "poison": (0.5,),
    "seeds": (1,),
    "model": "other",
    "dtype": "bfloat16",
    "engine": "torch",
    "device": "cuda",
    "task_data": "other.csv",
}
"""Other values of the fields that `OTHERS` has none for."""


def stages_of(changes: Mapping[str, Any]) -> dict[str, str]:
    """Names of the stages of a study of one trial."""
    (stages,) = write.stage_folders({"methods": ("vaccine",), **changes}).values()
    return stages


@dataclasses.dataclass(frozen=True)
class ThereIsEveryDevice:
    """In place of the choice that looks for torch and its devices."""

    name: str
    device: str | None

    def dtype(self, dtype: str) -> str:
        return dtype

    @property
    def description(self) -> str:
        return f"{self.name} on {self.device}"


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_changes_the_stages_that_it_says_it_determines(
    folder, monkeypatch, name
) -> None:
    monkeypatch.setattr(inputs, "available_dtype", lambda dtype, **_: dtype)
    monkeypatch.setattr(inputs, "EngineChoice", ThereIsEveryDevice)
    shutil.copytree("model", "other")
    (folder / "other" / "config.json").write_text(
        (folder / "model" / "config.json").read_text().replace("\n", " \n", 1)
    )
    lines = [f"{k % 4 + 1},Title {k},Text of it" for k in range(40)]
    text = "\n".join(["Class Index,Title,Description", *lines])
    (folder / "topics.csv").write_text(text, "utf-8")
    (folder / "other.csv").write_text(text.replace("Text", "Words"), "utf-8")
    values = {**write.OTHERS, **_LIVE, "align_samples": 3}
    start: dict[str, Any] = {}
    if name == "align_samples":
        start = {"align_data": "ordinary.jsonl"}
    if name == "device":
        start = {"engine": "torch"}
    if name == "task_data":
        start = {"task": "topics", name: "topics.csv"}
    former, present = stages_of(start), stages_of({**start, name: values[name]})
    changed = {stage for stage in former if former[stage] != present[stage]}
    told = {*SETTINGS[name].key, *SETTINGS[name].through}
    assert changed == set().union(*(_AFTER[stage] for stage in told))


def test_every_field_of_a_study_is_a_setting() -> None:
    names = {each.name for each in dataclasses.fields(study.StudyConfig)}
    assert names == SETTINGS.keys() | {"parameters", "sweep"}


def test_a_setting_that_no_stage_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="must name a stage"):
        setting(1, Number({"minimum": 1}), group="model", help="forgotten")


def test_a_new_setting_is_an_option_a_check_a_word_and_part_of_the_key(
    folder, monkeypatch, capsys
) -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class More(study.StudyConfig):
        tilt: float = setting(
            0.5, Number({"minimum": 0}), group="model", help="of it", key=["attack"]
        )

    tilt = settings_of(More)["tilt"]
    monkeypatch.setitem(SETTINGS, "tilt", tilt)
    monkeypatch.setattr(study.StudyConfig, "tilt", 0.5, raising=False)
    with pytest.raises(SystemExit):
        build_parser().parse_args(["study", "--help"])
    assert "--tilt X" in capsys.readouterr().out
    assert "Of it (at least 0)" in " ".join(parameters_text([tilt]).split())
    faults: list[str] = []
    tilt.add_faults(-1, faults)
    assert faults == ["tilt must be at least 0, got -1"]
    former = stages_of({})
    monkeypatch.setattr(study.StudyConfig, "tilt", 0.75)
    present = stages_of({})
    changed = {stage for stage in former if former[stage] != present[stage]}
    assert changed == {"attack", "after", "drift"}


def test_the_docstring_has_every_setting() -> None:
    text = study.StudyConfig.__doc__
    for each in SETTINGS.values():
        assert f"    {each.name} : " in text
    assert "{parameters}" not in text


def test_help_names_options_as_they_are_typed(capsys) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["study", "--help"])
    told = capsys.readouterr().out
    for name in SETTINGS:
        assert f"--{name.replace('_', '-')} " in told
        assert "_" not in name or name not in told


def test_a_finished_study_is_opened_without_work(folder, worked) -> None:
    kept = study.StudyResult.load(folder / "study")
    result = study.run(study.StudyConfig(**write.SETTINGS), "study", progress=False)
    assert not worked
    origin = ("versions", "hardware", "study")
    for row, former in zip(result.rows, kept.rows, strict=True):
        expected = {k: v for k, v in former.items() if k not in origin}
        assert {k: row[k] for k in expected} == expected


def test_a_finished_study_is_extended_by_what_is_missing(folder, worked) -> None:
    config = study.StudyConfig(
        **{**write.SETTINGS, "methods": ("none", "sft", "vaccine")}
    )
    result = study.run(config, "study", progress=False)
    assert worked == {"evaluate": 2, "attack": 1, "drift": 1}
    assert [row["method"] for row in result.rows] == ["none", "sft", "vaccine"]


def test_models_of_a_finished_study_are_loaded(folder) -> None:
    result = study.StudyResult.load("study")
    aligned, attacked = (
        result.model(result.rows[-1], attacked=attacked) for attacked in (False, True)
    )
    assert aligned.adapter is None
    assert attacked.adapter.r == 1
