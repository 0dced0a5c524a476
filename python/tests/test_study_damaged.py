"""Files of a study that are not what was written: named, never taken for results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from study_support import tiny_study, write_study_model

from vaccine_swift import study
from vaccine_swift.files.leases import Leases, members
from vaccine_swift.study.folder import SHARED
from vaccine_swift.study.sharing import PLAN

WRITTEN = Path(__file__).parent / "study_folder" / "study"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study and its model."""
    folder = tmp_path_factory.mktemp("finished")
    model = write_study_model(folder / "model")
    study.run(tiny_study(model, methods=("sft",)), folder / "study", progress=False)
    return folder / "study", model


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_of_any_stage_is_refused(
    finished: tuple[Path, Path], seed: int, tmp_path: Path
) -> None:
    whole, model = finished
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    files = (each for each in (folder / "stages").rglob("*") if each.is_file())
    files = sorted(each for each in files if each.name != "SHA256SUMS")
    file = files[seed * 3 % len(files)]
    data = bytearray(file.read_bytes())
    data[seed * 977 % len(data)] ^= 1 << seed % 8
    file.write_bytes(data)
    with pytest.raises(ValueError, match=f"{file.name} is damaged") as caught:
        study.run(tiny_study(model, methods=("sft",)), folder, progress=False)
    (note,) = caught.value.__notes__
    assert note == f"delete {file.parent}, and the stage is done again"
    shutil.rmtree(file.parent)
    again = study.run(tiny_study(model, methods=("sft",)), folder, progress=False)
    former = study.StudyResult.load(whole)
    assert again.rows[0]["metrics"] == former.rows[0]["metrics"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"result": None}, "result must be an object, got None"),
        ({"seconds": "1"}, "seconds must be a finite number, got '1'"),
        ({"date": 5}, "date must be text, got 5"),
        ({"date": ...}, "must have 'date'"),
    ],
)
def test_a_stage_without_checksums_must_hold_what_one_holds(
    finished: tuple[Path, Path], change, message: str, tmp_path: Path
) -> None:
    whole, model = finished
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    stage = min((folder / "stages").glob("drift-*"))
    (stage / "SHA256SUMS").unlink()
    content = json.loads((stage / "result.json").read_text()) | change
    content = {name: value for name, value in content.items() if value is not ...}
    (stage / "result.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"result.json.*{message}"):
        study.run(tiny_study(model, methods=("sft",)), folder, progress=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3", "line 2: must be an object, got 3"),
        ('{"metrics": {"after": {"perplexity": 1}}}', "metrics.after.perplexity must"),
        ('{"rho": {"a": 1}}', "rho must be a finite number or null"),
        (f'{{"samples": 1{"0" * 400}}}', "line 2: samples must be a whole number"),
        ('{"label": null}', "label must be text, got None"),
        ('{"settings": []}', "settings must be an object"),
        ('{"drift_curve": [{"groups": {"a": "x"}}]}', "groups.a must be a finite"),
        ('{"drift_curve": [{"step": "x"}]}', r"drift_curve\[0\].step must be a finite"),
        (
            '{"drift_curve": [{"step": 1}]}',
            r"drift_curve\[0\] must have 'relative_drift'",
        ),
    ],
)
def test_a_line_of_results_that_is_no_row_is_refused(
    line: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "results.jsonl"
    first = (WRITTEN / "results.jsonl").read_text().splitlines()[0]
    file.write_text(f"{first}\n{line}\n")
    with pytest.raises(ValueError, match=message):
        study.StudyResult.load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": None}, "seeds must be a list, got None"),
        ({"methods": "sft"}, "methods must be a list, got 'sft'"),
        ({"sweep": [1]}, r"sweep must be an object, got \[1\]"),
        ({"sweep": {"rho": 2}}, "sweep.rho must be a list, got 2"),
    ],
)
def test_a_folder_whose_study_is_damaged_is_refused_by_its_field(
    finished: tuple[Path, Path], change, message: str, tmp_path: Path
) -> None:
    whole, model = finished
    shutil.copy(whole / "study.json", tmp_path)
    content = json.loads((tmp_path / "study.json").read_text()) | change
    (tmp_path / "study.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"study.json: {message}"):
        study.run(tiny_study(model, methods=("sft",)), tmp_path, progress=False)


@pytest.mark.parametrize("name", ["value", "unit_ids"])
def test_units_without_their_value_or_ids_are_refused(name: str) -> None:
    rows = study.StudyResult.load(WRITTEN).rows
    del rows[0]["metrics"]["after"]["harmful_score"][name]
    with pytest.raises(ValueError, match=f"after harmful_score of seed 0.*{name!r}"):
        study.StudyResult(rows).summary()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ('{"a": {"cost": null}}', "a.cost must be a finite number, got None"),
        ('{"a": {"cost": -1}}', "'a' must have a cost"),
        ('{"a": {}}', "a must have 'cost'"),
        ('{"a": 3}', "a must be an object, got 3"),
    ],
)
def test_a_damaged_plan_is_named(plan: str, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(WRITTEN, folder)
    (folder / SHARED).mkdir()
    (folder / SHARED / PLAN).write_text(plan)
    with pytest.raises(ValueError, match=message):
        study.study_status(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"left": 1},
        {"left": ...},
        {"process": "1"},
        {"process": ["a", "b", "x", "d"]},
        {"process": ["a"]},
        {"time": "now"},
        {"host": None},
        {"share": [], "doing": 3},
    ],
)
def test_a_damaged_member_is_passed_over(change, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(WRITTEN, folder)
    with Leases(folder / SHARED, {}) as leases:
        (told,) = members(folder / SHARED)
        assert leases.take("a")
        told = {k: v for k, v in (told | change).items() if v is not ...}
        leases._sign.write_text(json.dumps(told))
        assert study.study_status(folder).workers == []
        with Leases(folder / SHARED, {}) as other:
            assert not other.take("a"), "nothing says that its holder is dead"
