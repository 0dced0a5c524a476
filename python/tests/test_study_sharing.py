"""Several processes on one study's folder: kills, the same results, who does what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from network_folders import by_gluster, by_sshfs
from study_support import tiny_study, without_clock, write_study_model

from vaccine_swift import study
from vaccine_swift.cli import main
from vaccine_swift.files import leases
from vaccine_swift.study import inputs, sharing
from vaccine_swift.study.folder import opened

HERE = Path(__file__).parent
KILLS = 52
SEEDS = 10
STAGES = 23
"""Of each seed: 2 alignments, 3 + 6 evaluations, 6 attacks, 6 drifts."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}


def stand_in(*words: object) -> None:
    command = [sys.executable, str(HERE / "shared_study.py"), *map(str, words)]
    run = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0, run.stderr


def assert_same_folders(one: Path, many: Path, seeds: int) -> set[str]:
    """The names of the stages."""
    assert (many / "results.jsonl").read_bytes() == (one / "results.jsonl").read_bytes()
    assert len((one / "results.jsonl").read_text().splitlines()) == 6 * seeds
    names = {each.name for each in (one / "stages").iterdir()}
    assert len(names) == STAGES * seeds
    for name in names:
        left = (many / "stages" / name / "left").read_bytes()
        assert left == (one / "stages" / name / "left").read_bytes()
    return names


def test_four_processes_killed_at_random_give_the_same_and_do_nothing_twice(tmp_path):
    one, many = tmp_path / "one", tmp_path / "many"
    stand_in(one, tmp_path / "one.log", SEEDS)
    stand_in(many, tmp_path / "many.log", SEEDS, KILLS, 1)
    names = assert_same_folders(one, many, SEEDS)
    assert {each.name for each in (many / "stages").iterdir()} == names
    assert {each.name for each in many.iterdir()} == {
        *(".lock", "results.jsonl", "shared", "stages", "study.json")
    }

    events = [line.split() for line in (tmp_path / "many.log").read_text().splitlines()]
    killed = {process for event, process, *_ in events if event == "killed"}
    assert len(killed) >= 50
    holders: dict[str, list[str]] = {}
    ended: dict[str, str] = {}
    for event, name, *process in events:
        if event == "start":
            assert name not in ended, "a finished stage was done again"
            former = holders.setdefault(name, [])
            assert set(former) <= killed, "a stage was taken from a living process"
            former += process
        elif event == "end":
            assert name not in ended
            (ended[name],) = process
            assert holders[name][-1:] == process
    assert holders.keys() == names
    for name in names - ended.keys():
        assert holders[name][-1] in killed, "killed between the rename and the log"
    again = sum(len(each) - 1 for each in holders.values())
    assert 0 < again <= len(killed)
    assert len({*ended.values()}) > 4


def test_machines_without_locks_links_or_sight_of_each_other_give_the_same(tmp_path):
    one, many = tmp_path / "one", tmp_path / "many"
    stand_in(one, tmp_path / "one.log", 2)
    stand_in(many, tmp_path / "many.log", 2, 10, 3, "far")
    assert_same_folders(one, many, 2)
    assert "killed" in (tmp_path / "many.log").read_text()
    assert list((many / "shared").glob("*.2")), "something was taken over"


@pytest.mark.parametrize("mounting", [by_sshfs, by_gluster])
def test_machines_on_a_network_file_system_give_the_same(tmp_path, mounting):
    """Each has a mount of its own, with its own caches."""
    one, served = tmp_path / "one", tmp_path / "served"
    mounts = [tmp_path / f"mount{each}" for each in range(4)]
    for each in (served, *mounts):
        each.mkdir()
    stand_in(one, tmp_path / "one.log", 2)
    with mounting(served, mounts):
        outs = os.pathsep.join(str(mount / "many") for mount in mounts)
        stand_in(outs, tmp_path / "many.log", 2, 10, 3, "hosts")
    assert_same_folders(one, served / "many", 2)
    assert "killed" in (tmp_path / "many.log").read_text()
    assert list((served / "many" / "shared").glob("*.2")), "something was taken over"


def shared_command(model: Path, out: Path, config: study.StudyConfig) -> list[str]:
    script = (
        "import json, sys; from vaccine_swift import study; from study_support import "
        "tiny_study; study.run(tiny_study(sys.argv[1], **json.loads(sys.argv[3])), "
        "sys.argv[2], share=True)"
    )
    grid = {"methods": config.methods, "poison": config.poison}
    return [sys.executable, "-c", script, str(model), str(out), json.dumps(grid)]


def test_a_real_study_shared_and_killed_gives_the_bits_of_the_serial_run(
    model, tmp_path, capsys, monkeypatch
):
    config = tiny_study(model, methods=("sft", "vaccine"), poison=(0, 0.2))
    serial = study.run(config, tmp_path / "serial", progress=False)
    out = tmp_path / "shared"
    command = shared_command(model, out, config)
    first, second = (
        subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    assert "/16] " in first.stderr.readline(), "a stage is done, here or there"
    first.send_signal(signal.SIGKILL)
    first.communicate()
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["study", "--status", str(out)]) == 0
    told = capsys.readouterr().out
    assert " of 16 stages done" in told
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert "[16/16]" in errors
    result = study.StudyResult.load(out)
    assert without_clock(result.rows) == without_clock(serial.rows)
    for weights in (tmp_path / "serial" / "stages").glob("*/adapter_model.safetensors"):
        other = out / "stages" / weights.parent.name / weights.name
        assert other.read_bytes() == weights.read_bytes()


def test_one_that_shares_alone_does_all_and_a_later_one_nothing(model, tmp_path):
    config = tiny_study(model, methods="sft")
    result = study.run(config, tmp_path, share=True, progress=False)
    times = {each: each.stat().st_mtime_ns for each in tmp_path.glob("stages/*/*")}
    again = study.run(config, tmp_path, share=True, progress=False)
    alone = study.run(config, tmp_path, progress=False)
    assert without_clock(result.rows) == without_clock(again.rows)
    assert without_clock(result.rows) == without_clock(alone.rows)
    assert {each: each.stat().st_mtime_ns for each in times} == times


def test_sharing_and_working_alone_exclude_each_other(model, tmp_path):
    config = tiny_study(model, methods="sft")
    with (
        opened(tmp_path, config, share=True),
        opened(tmp_path, config, share=True),
        pytest.raises(RuntimeError, match="another study runs in"),
    ):
        study.run(config, tmp_path, progress=False)
    with (
        opened(tmp_path, config),
        pytest.raises(RuntimeError, match="another study runs in"),
    ):
        study.run(config, tmp_path, share=True, progress=False)


def test_an_executor_does_not_share(model, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="share must"):
        study.run(tiny_study(model), tmp_path, executor=pool, share=True)


def test_another_study_in_a_shared_folder_is_refused(model, tmp_path):
    study.run(tiny_study(model, methods="none"), tmp_path, share=True, progress=False)
    with pytest.raises(ValueError, match="dropout was 0.1, is 0.2"):
        study.run(tiny_study(model, methods="none", dropout=0.2), tmp_path, share=True)


def test_who_computes_otherwise_is_refused_while_others_work(
    model, tmp_path, monkeypatch
):
    config = tiny_study(model, methods="none")
    former = {**inputs.build(), "threads": 7}
    with leases.Leases(tmp_path / "shared", {"build": former}):
        (tmp_path / "study.json").write_text(json.dumps(config.to_dict()))
        with pytest.raises(RuntimeError, match="threads is 7 at"):
            study.run(config, tmp_path, share=True, progress=False)
    assert len(study.run(config, tmp_path, share=True, progress=False).rows) == 1


def judge_that_raises(request: str, answer: str) -> bool:
    raise OSError("no judge today")


def test_an_error_ends_its_process_and_gives_the_stage_to_others(model, tmp_path):
    config = tiny_study(model, methods="none", judge=judge_that_raises)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="row 0") as caught:
            study.run(config, tmp_path, share=True, progress=False)
        assert caught.value.__notes__ == ["(No alignment, seed 0: before)"]
    assert not list((tmp_path / "stages").glob("evaluate-*"))
    status = study.study_status(tmp_path)
    assert (status.workers, status.alone) == ([], False)


def test_a_stage_that_fails_where_another_process_has_taken_over_is_no_error(
    model, tmp_path, monkeypatch
):
    """As when the machine slept, and its unfinished files are gone."""
    config = tiny_study(model, methods="none")
    run = sharing.Store.run
    failed = []

    def lost(self, stage, report):
        if not failed:
            failed.append(stage.folder)
            shared = tmp_path / "shared"
            (shared / f"{stage.folder}.2").write_text("other")
            run(self, stage, report)
            raise FileNotFoundError(stage.folder)
        return run(self, stage, report)

    monkeypatch.setattr(sharing.Store, "run", lost)
    result = study.run(config, tmp_path, share=True, progress=False)
    assert len(result.rows) == 1
    assert len(failed) == 1


def test_a_study_that_another_process_extends_keeps_the_longer_table(
    model, tmp_path, monkeypatch
):
    first = tiny_study(model, methods="none")
    more = tiny_study(model, methods=("none", "sft"))
    run = sharing.Store.run
    begun = Counter()

    def extended(self, stage, report):
        begun[stage.name] += 1
        if begun.total() == 1:
            study.run(more, tmp_path, share=True, progress=False)
        return run(self, stage, report)

    # The second one waits for the stage of the first, unless it is done before.
    monkeypatch.setattr(sharing.Leases, "take", lambda self, name: True)
    monkeypatch.setattr(sharing.Store, "run", extended)
    result = study.run(first, tmp_path, share=True, progress=False)
    assert [row["method"] for row in result.rows] == ["none"]
    rows = study.StudyResult.load(tmp_path).rows
    assert [row["method"] for row in rows] == ["none", "sft"]


def test_sharing_on_the_command_line_writes_the_report(model, tmp_path, capsys):
    from test_cli_study import words

    command = ["study", "--model", str(model), "--out", str(tmp_path / "out")]
    assert main([*command, "--share", *words(methods="none")]) == 0
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "shared" / "plan.json").is_file()


def test_the_script_of_a_job_array_shares_a_folder(model, tmp_path):
    from test_cli_study import words

    script = HERE.parents[1] / "examples" / "04_study.sbatch"
    out = tmp_path / "out"
    command = ["bash", str(script), str(out), "--model", str(model)]
    tasks = [
        subprocess.Popen(
            [*command, *words(methods="none")],
            env=environment()
            | {
                "SLURM_CPUS_PER_TASK": "1",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for each in tasks:
        told, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors
        assert "report: " in told
    (row,) = study.StudyResult.load(out).rows
    assert row["hardware"]["threads"] == 1


def test_one_that_comes_late_counts_what_others_have_done(model, tmp_path, capsys):
    study.run(tiny_study(model, methods="none"), tmp_path, share=True, progress=False)
    config = tiny_study(model, methods=("none", "sft"))
    study.run(config, tmp_path, share=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == [f"[{k}/9]" for k in range(5, 10)]
