"""What a study's folder tells of those that work in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from study_support import tiny_study, write_study_model

from vaccine_swift import study
from vaccine_swift.cli import main
from vaccine_swift.files import leases
from vaccine_swift.study import sharing
from vaccine_swift.study.folder import opened


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


def test_the_status_counts_stages_workers_and_the_time_left(
    model, tmp_path, monkeypatch, capsys
):
    seen = []
    report = sharing.GridProgress.report

    def look(self, stage, what, share):
        report(self, stage, what, share)
        seen.append(study.study_status(tmp_path))

    monkeypatch.setattr(sharing.GridProgress, "report", look)
    monkeypatch.setattr(leases, "_BEATS", 1e6)
    config = tiny_study(model, methods="sft")
    study.run(config, tmp_path, share=True, progress=False)
    assert {status.stages for status in seen} == {5}
    assert [status.done for status in seen] == sorted(status.done for status in seen)
    assert {status.done for status in seen} == {0, 1, 2, 3, 4}
    assert {len(status.workers) for status in seen} == {1}
    (worker,) = seen[-1].workers
    assert worker.process == os.getpid()
    assert worker.alive
    assert "SFT" in worker.doing
    assert seen[0].seconds_left is None
    assert seen[-1].seconds_left > 0
    last = study.study_status(tmp_path)
    assert (last.done, last.stages, last.rows, last.workers) == (5, 5, 1, [])
    assert last.seconds_left == 0
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["study", "--status", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "5 of 5 stages done, 1 row of results; nobody works there" in told


def test_the_status_of_a_study_that_is_not_shared(model, tmp_path):
    config = tiny_study(model, methods="none")
    with opened(tmp_path, config):
        assert study.study_status(tmp_path).alone
    study.run(config, tmp_path, progress=False)
    status = study.study_status(tmp_path)
    assert (status.done, status.stages, status.rows) == (4, None, 1)
    assert not status.alone


def test_the_status_of_no_study_names_the_folder(tmp_path, capsys):
    assert main(["study", "--status", str(tmp_path)]) == 2
    assert "must be a study's folder, has no study.json" in capsys.readouterr().err
