"""A process for functions of anybody: its bounds, and what is told of its failures."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from core_support import run_script
from process_tables import is_there, python_within, wait_until_gone

from vaccine_swift.machine import bounded_process
from vaccine_swift.machine.bounded_process import BoundedProcess, Unanswered

ANSWERS = Path(__file__).with_name("bounded_answers.py")


@pytest.fixture
def process() -> Iterator[BoundedProcess]:
    with BoundedProcess(ANSWERS) as process:
        yield process


def test_what_json_holds_passes_there_and_back(process: BoundedProcess) -> None:
    values = [None, True, -3, 2.5, "日本\u2028\n\x00\x1b\ud800", {"a": [1, {}]}]
    for value in [*values, "x" * 5_000_000]:
        assert process.ask(["same", value], seconds=10) == value
    assert repr(process.ask(["same", float("nan")], seconds=10)) == "nan"


def test_what_a_function_prints_is_no_answer(process: BoundedProcess) -> None:
    assert process.ask(["say", "[true, 1]\n"], seconds=10) == "[true, 1]\n"
    assert process.ask(["same", 2], seconds=10) == 2


def test_the_process_finds_the_modules_of_its_caller(
    process: BoundedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", *sys.path, "/no:where"])
    assert process.ask(["path"], seconds=10) == sys.path[1:]


@pytest.mark.parametrize("name", ["loop", "match", "power"])
def test_processor_time_is_bounded(process: BoundedProcess, name: str) -> None:
    """In Python and in one call of C, where no handler of Python would run."""
    number = process.ask(["process"], seconds=10)
    began = time.monotonic()
    with pytest.raises(Unanswered, match=r"^takes longer than 0\.5 s$"):
        process.ask([name], seconds=0.5)
    assert 0.4 < time.monotonic() - began < 30
    assert not is_there(number)
    assert process.ask(["same", 1], seconds=0.5) == 1


@pytest.mark.parametrize("how", ["ignored", "blocked"])
def test_processor_time_is_bounded_where_the_caller_heeds_no_signal(how: str) -> None:
    script = f"""
    import signal
    from pathlib import Path
    from vaccine_swift.machine import bounded_process
    from vaccine_swift.machine.bounded_process import BoundedProcess, Unanswered

    bounded_process.PATIENCE = 1000
    timers = {{signal.SIGPROF, signal.SIGALRM}}
    if {how!r} == "ignored":
        for each in timers:
            signal.signal(each, signal.SIG_IGN)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, timers)
    with BoundedProcess(Path({str(ANSWERS)!r})) as process:
        try:
            process.ask(["loop"], seconds=0.5)
        except Unanswered as reason:
            assert str(reason) == "takes longer than 0.5 s"
        else:
            raise AssertionError
    """
    run_script(script)


def test_each_request_has_its_own_time(process: BoundedProcess) -> None:
    number = process.ask(["process"], seconds=10)
    for _ in range(8):
        process.ask(["work", 0.2], seconds=0.5)
    assert process.ask(["process"], seconds=10) == number


def test_the_clock_is_bounded(
    process: BoundedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_process, "PATIENCE", 2)
    number = process.ask(["process"], seconds=10)
    began = time.monotonic()
    with pytest.raises(Unanswered, match=r"^takes longer than 0\.5 s$"):
        process.ask(["sleep"], seconds=0.5)
    assert 0.9 < time.monotonic() - began < 30
    assert not is_there(number)


@pytest.mark.parametrize("size", [1, 5_000_000])
def test_the_clock_is_bounded_where_the_process_stands_still(
    process: BoundedProcess, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """It does not even take a request that is more than the channel holds."""
    monkeypatch.setattr(bounded_process, "PATIENCE", 2)
    number = process.ask(["process"], seconds=10)
    os.kill(number, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(Unanswered, match=r"^takes longer than 0\.5 s$"):
        process.ask(["same", "x" * size], seconds=0.5)
    assert 0.9 < time.monotonic() - began < 30
    assert not is_there(number)
    assert process.ask(["same", 1], seconds=10) == 1


def test_a_process_that_waits_for_a_processor_is_waited_for(
    process: BoundedProcess,
) -> None:
    number = process.ask(["process"], seconds=10)
    os.kill(number, signal.SIGSTOP)
    threading.Timer(1.2, os.kill, (number, signal.SIGCONT)).start()
    began = time.monotonic()
    assert process.ask(["process"], seconds=1) == number
    assert time.monotonic() - began > 1.1


@pytest.mark.parametrize("name", ["grow", "double", "long_answer"])
def test_memory_is_bounded(process: BoundedProcess, name: str) -> None:
    number = process.ask(["process"], seconds=10)
    with pytest.raises(Unanswered, match=r"^needs more than 1024 MiB$"):
        process.ask([name], seconds=30)
    assert process.ask(["process"], seconds=10) == number
    assert process.ask(["memory_limits"], seconds=10) == [2**30, 2**30]


def test_memory_that_was_bounded_before_stays_so(
    process: BoundedProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python_within(500, tmp_path))
    assert process.ask(["memory_limits"], seconds=10) == [500 << 20, 500 << 20]
    with pytest.raises(Unanswered, match=r"^needs more than 500 MiB$"):
        process.ask(["grow"], seconds=30)


@pytest.mark.parametrize(
    "request_",
    [
        ["leave"],
        ["leave_at_once"],
        ["kill", signal.SIGKILL],
        ["kill", signal.SIGSEGV],
        ["kill", signal.SIGINT],
        ["kill", signal.SIGALRM],
        ["fail_oddly"],
    ],
)
def test_the_death_of_the_process_is_told(
    process: BoundedProcess, request_: list[object]
) -> None:
    with pytest.raises(Unanswered, match=r"^ended its process$"):
        process.ask(request_, seconds=10)
    assert process.ask(["same", 1], seconds=10) == 1


def test_a_process_that_died_between_requests_is_started_again(
    process: BoundedProcess,
) -> None:
    number = process.ask(["process"], seconds=10)
    os.kill(number, signal.SIGKILL)
    wait_until_gone(number)
    assert process.ask(["process"], seconds=10) != number


def test_a_death_under_a_long_request_harms_no_caller() -> None:
    """Also not one that a broken pipe would end."""
    script = f"""
    import os, signal
    from pathlib import Path
    from vaccine_swift.machine.bounded_process import BoundedProcess, Unanswered

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with BoundedProcess(Path({str(ANSWERS)!r})) as process:
        number = process.ask(["process"], seconds=10)
        os.kill(number, signal.SIGSTOP)
        child = os.fork()
        if child == 0:
            import time
            time.sleep(0.5)
            os.kill(number, signal.SIGKILL)
            os._exit(0)
        try:
            process.ask(["same", "x" * 5_000_000], seconds=10)
        except Unanswered as reason:
            assert str(reason) == "ended its process"
        else:
            raise AssertionError
        os.waitpid(child, 0)
        assert process.ask(["same", 1], seconds=10) == 1
    """
    run_script(script)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (["fail", "no such word"], "no such word"),
        (["fail", ""], "LookupError"),
        (["fail", "x" * 5000], "x{1000}"),
        (["fail", "\ud800\n"], "\ud800\n"),
        (["nest"], "nests too deeply"),
        (["nested_answer"], "nests too deeply"),
        (["no_answer"], "Object of type object is not JSON serializable"),
        (["unknown"], "'unknown'"),
    ],
)
def test_an_exception_is_told_and_the_process_stays(
    process: BoundedProcess, request_: list[object], reason: str
) -> None:
    number = process.ask(["process"], seconds=10)
    with pytest.raises(Unanswered, match=rf"\A({reason})\Z"):
        process.ask(request_, seconds=10)
    assert process.ask(["process"], seconds=10) == number


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def answer(", "was never closed"),
        ("", "has no attribute 'answer'"),
        (None, "No such file"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_told(
    tmp_path: Path, source: str | None, reason: str
) -> None:
    file = tmp_path / "file.py"
    if source is not None:
        file.write_text(source)
    with (
        BoundedProcess(file) as process,
        pytest.raises(Unanswered, match=reason),
    ):
        process.ask(1, seconds=10)


def test_what_json_does_not_hold_is_refused_before(process: BoundedProcess) -> None:
    circle: list[object] = []
    circle.append(circle)
    number = process.ask(["process"], seconds=10)
    for value in (object(), circle, b"x"):
        with pytest.raises((TypeError, ValueError)):
            process.ask(["same", value], seconds=10)
    assert process.ask(["process"], seconds=10) == number
