"""A study on executors' workers: the bits of the serial run, refusals, errors."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from pathlib import Path

import pytest
from study_support import tiny_study, without_clock, write_study_model

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift.study import executors, inputs
from vaccine_swift.study.arms import qualified_name
from vaccine_swift.study.store import Stage, Store

GRID = {"methods": ("none", "sft", "vaccine"), "poison": (0, 0.2)}


class AtOnce(Executor):
    """Does what is submitted before `submit` returns; arguments travel as bytes."""

    def __init__(self) -> None:
        self.orders: list[executors.Order] = []

    def submit(self, function, /, *arguments, **options):
        future: Future = Future()
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        self.orders += arguments
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:  # noqa: BLE001, the future's
            future.set_exception(error)
        return future


def spawned(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def serial(model, tmp_path_factory) -> study.StudyResult:
    out = tmp_path_factory.mktemp("serial") / "out"
    return study.run(tiny_study(model, **GRID), out, progress=False)


@pytest.fixture
def dask_executor() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


def assert_same(result: study.StudyResult, serial: study.StudyResult) -> None:
    assert without_clock(result.rows) == without_clock(serial.rows)
    assert study.StudyResult.load(result.directory) == result
    ours, theirs = result.directory / "stages", serial.directory / "stages"
    names = {each.name for each in theirs.iterdir()}
    assert {each.name for each in ours.iterdir()} == names
    for weights in theirs.glob("*/adapter_model.safetensors"):
        other = ours / weights.relative_to(theirs)
        assert other.read_bytes() == weights.read_bytes()


def test_worker_processes_give_the_bits_of_the_serial_run(model, tmp_path, serial):
    with spawned(2) as pool:
        config = tiny_study(model, **GRID)
        result = study.run(config, tmp_path / "out", executor=pool, progress=False)
    assert_same(result, serial)


def test_dask_gives_the_bits_of_the_serial_run(model, tmp_path, serial, dask_executor):
    config = tiny_study(model, **GRID)
    result = study.run(config, tmp_path, executor=dask_executor, progress=False)
    assert_same(result, serial)


# Of rows that are cut: Python before 3.14 silences warnings for all threads or none.
@pytest.mark.filterwarnings("ignore:of .* rows?:UserWarning")
def test_threads_give_the_bits_of_the_serial_run(model, tmp_path, serial):
    with ThreadPoolExecutor(3) as pool:
        config = tiny_study(model, **GRID)
        result = study.run(config, tmp_path, executor=pool, progress=False)
    assert_same(result, serial)


def test_a_stage_is_submitted_once_and_after_those_it_builds_on(
    model, tmp_path, serial, capsys
):
    executor = AtOnce()
    result = study.run(tiny_study(model, **GRID), tmp_path, executor=executor)
    assert_same(result, serial)
    folders = [order.folder for order in executor.orders]
    assert len(folders) == len(set(folders)) == 23
    for order in executor.orders:
        needed = {order.key.get("align"), order.key.get("attack")} - {None}
        assert needed <= {*folders[: folders.index(order.folder)]}
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == [f"[{k}/23]" for k in range(1, 24)]
    assert "Vaccine ρ=2, p=0.2, seed 0: attack: 00:" in "\n".join(lines)


def test_nothing_is_submitted_of_what_is_done(model, tmp_path):
    executor = AtOnce()
    study.run(tiny_study(model, methods="sft"), tmp_path, progress=False)
    more = tiny_study(model, methods=("sft", "none"))
    result = study.run(more, tmp_path, executor=executor, progress=False)
    assert [order.name for order in executor.orders] == [
        *("before", "attack", "after", "drift")
    ]
    assert [row["method"] for row in result.rows] == ["sft", "none"]


def test_files_are_found_from_another_directory(model, tmp_path, monkeypatch):
    monkeypatch.chdir(model.parent)
    executor = AtOnce()
    config = tiny_study(Path(model.name), methods="none", task="arithmetic")
    study.run(config, tmp_path / "out", executor=executor, progress=False)
    for order in executor.orders:
        assert order.trial.settings["model"] == str(model)
        assert order.trial.settings["task"] == "arithmetic"
        assert order.directory.is_absolute()


def judge_that_raises(request: str, answer: str) -> bool:
    raise OSError("no judge today")


def test_an_error_on_a_worker_names_the_stage_and_keeps_what_is_done(model, tmp_path):
    config = tiny_study(model, methods=("none", "sft"), judge=judge_that_raises)
    with spawned(2) as pool, pytest.raises(RuntimeError, match="row 0") as caught:
        study.run(config, tmp_path, executor=pool, progress=False)
    assert caught.value.__notes__ == ["(No alignment, seed 0: before)"]
    names = {each.name.split("-")[0] for each in (tmp_path / "stages").iterdir()}
    assert "evaluate" not in names


def judge_of_ones_own(request: str, answer: str) -> bool:
    return True


def test_a_judge_of_ones_own_judges_on_workers(model, tmp_path):
    config = tiny_study(model, methods="none", judge=judge_of_ones_own)
    with spawned(1) as pool:
        (row,) = study.run(config, tmp_path, executor=pool, progress=False).rows
    assert row["metrics"]["after"]["harmful_score"]["value"] == 100


def test_the_program_has_one_name_in_all_processes() -> None:
    def judge(request: str, answer: str) -> bool:
        return True

    names = set()
    for module in ("__main__", "__mp_main__", "__worker__"):
        judge.__module__ = module
        names.add(qualified_name(judge))
    assert len(names) == 1
    judge.__module__ = "mine"
    assert qualified_name(judge).startswith("mine.")


def test_workers_of_another_build_or_thread_count_are_refused(
    model, tmp_path, monkeypatch
):
    build = vs.show_config()

    class Elsewhere(AtOnce):
        def submit(self, *arguments, **options):
            with monkeypatch.context() as there:
                other = build | {"core": "other BLAS", "threads": 1}
                there.setattr(inputs, "show_config", lambda: other)
                return super().submit(*arguments, **options)

    config = tiny_study(model, methods="none")
    with pytest.raises(RuntimeError, match="executor must have workers") as caught:
        study.run(config, tmp_path, executor=Elsewhere(), progress=False)
    assert "environment.core is 'other BLAS', not " in str(caught.value)
    assert not list((tmp_path / "stages").glob("*"))


@pytest.mark.skipif(vs.get_num_threads() == 1, reason="forked or not, one thread")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers_are_refused_with_the_reason(model, tmp_path):
    context = multiprocessing.get_context("fork")
    config = tiny_study(model, methods="none")
    with (
        ProcessPoolExecutor(1, mp_context=context) as pool,
        pytest.raises(RuntimeError, match=r"threads is 1, not \d+; .* by fork"),
    ):
        study.run(config, tmp_path, executor=pool, progress=False)


def test_workers_that_do_not_see_the_folder_are_named(model, tmp_path, monkeypatch):
    class Nowhere(AtOnce):
        def submit(self, *arguments, **options):
            future: Future = Future()
            future.set_result(None)
            return future

    monkeypatch.setattr(executors, "_SEEN_WITHIN", 0.2)
    config = tiny_study(model, methods="none")
    with pytest.raises(RuntimeError, match="out must be a folder that the executor's"):
        study.run(config, tmp_path, executor=Nowhere(), progress=False)


def test_what_is_no_executor_is_refused_before_any_work(model, tmp_path):
    with pytest.raises(TypeError, match="executor must be a concurrent.futures.Exec"):
        study.run(tiny_study(model), tmp_path / "out", executor=4)
    assert not (tmp_path / "out").exists()


def ending(order: executors.Order) -> None:
    os._exit(9)


def test_a_worker_that_dies_loses_no_finished_stage(model, tmp_path, monkeypatch):
    config = tiny_study(model, methods="none")
    study.run(config, tmp_path, executor=AtOnce(), progress=False)
    times = {each: each.stat().st_mtime_ns for each in tmp_path.glob("stages/*/*")}
    more = tiny_study(model, methods=("none", "sft"))
    monkeypatch.setattr(executors, "carry_out", ending)
    with spawned(1) as pool, pytest.raises(RuntimeError, match="terminated abruptly"):
        study.run(more, tmp_path, executor=pool, progress=False)
    monkeypatch.undo()
    result = study.run(more, tmp_path, executor=AtOnce(), progress=False)
    assert len(result.rows) == 2
    assert {each: each.stat().st_mtime_ns for each in times} == times


def test_the_first_of_two_writers_of_a_stage_is_kept(tmp_path):
    store = Store(tmp_path)
    first = Stage("align", {"n": 1}, 1.0, lambda *_: {"writer": "first"})

    def work(directory, report):
        store.run(first, report)
        return {"writer": "second"}

    store.run(Stage("align", {"n": 1}, 1.0, work), lambda _: None)
    assert store.read(first)["result"] == {"writer": "first"}
    assert [each.name for each in (tmp_path / "stages").iterdir()] == [first.folder]


def test_a_stage_without_its_result_is_done_again(tmp_path):
    store = Store(tmp_path)
    stage = Stage("align", {"n": 1}, 1.0, lambda *_: {"x": 1})
    store.path(stage).mkdir(parents=True)
    (store.path(stage) / "half.txt").write_text("half")
    store.run(stage, lambda _: None)
    assert {each.name for each in store.path(stage).iterdir()} == {
        *("result.json", "SHA256SUMS")
    }
