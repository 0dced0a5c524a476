"""A process for functions of anybody: how it lives and ends with its callers."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from core_support import run_script
from process_tables import children, descriptors, is_there, wait_until_gone

from vaccine_swift.machine import bounded_process
from vaccine_swift.machine.bounded_process import BoundedProcess, Unanswered

ANSWERS = Path(__file__).with_name("bounded_answers.py")


@pytest.fixture
def process() -> Iterator[BoundedProcess]:
    with BoundedProcess(ANSWERS) as process:
        yield process


def test_ctrl_c_ends_the_request_and_its_process(process: BoundedProcess) -> None:
    number = process.ask(["process"], seconds=10)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        process.ask(["sleep"], seconds=10)
    assert time.monotonic() - began < 30
    assert not is_there(number)
    assert process.ask(["same", 1], seconds=10) == 1


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_an_interrupted_request_leaves_no_answer_behind(
    process: BoundedProcess,
) -> None:
    """Whenever Ctrl-C comes: the next answer is that of the next request."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for index in range(80):
            signal.setitimer(signal.ITIMER_REAL, 1e-4 * (1 + index % 40))
            with contextlib.suppress(KeyboardInterrupt):
                for _ in range(1000):
                    process.ask(["same", -1], seconds=10)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert process.ask(["same", index], seconds=10) == index
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_process_hears_no_ctrl_c(process: BoundedProcess) -> None:
    number = process.ask(["process"], seconds=10)
    assert process.ask(["session"], seconds=10) == number != os.getsid(0)


def test_threads_have_their_own_answers(process: BoundedProcess) -> None:
    values = [[index] * 50 for index in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda value: process.ask(["same", value], seconds=10), values)
        )
    assert found == values


def fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
        return os.fork()


def test_a_forked_child_starts_its_own(process: BoundedProcess) -> None:
    number = process.ask(["process"], seconds=10)
    child = fork()
    if child == 0:
        with process:
            other = process.ask(["process"], seconds=10)
        os._exit(0 if other != number and is_there(number) else 1)
    assert process.ask(["process"], seconds=10) == number
    assert os.waitpid(child, 0)[1] == 0
    assert process.ask(["process"], seconds=10) == number


def test_a_child_forked_amid_a_request_has_its_turn(process: BoundedProcess) -> None:
    thread = threading.Thread(
        target=process.ask, args=(["work", 1],), kwargs={"seconds": 10}
    )
    process.ask(["same", 1], seconds=10)
    thread.start()
    time.sleep(0.2)
    child = fork()
    if child == 0:
        os._exit(process.ask(["same", 7], seconds=10))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    thread.join()


def test_a_child_holds_no_end_of_the_channel(process: BoundedProcess) -> None:
    """Or a process whose caller has gone would wait for the caller's children."""
    process.ask(["same", 1], seconds=10)
    sockets = [each for each in descriptors() if is_socket(each)]
    child = fork()
    if child == 0:
        left = [each for each in descriptors() if is_socket(each)]
        os._exit(len(sockets) - len(left))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def is_socket(descriptor: int) -> bool:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("socket:")


def test_one_process_serves_many_requests_and_leaves_nothing() -> None:
    before, open_before = children(), descriptors()
    with BoundedProcess(ANSWERS) as process:
        numbers = {process.ask(["process"], seconds=10) for _ in range(500)}
        assert len(numbers) == 1
        assert len(children()) == len(before) + 1
        assert len(descriptors()) == len(open_before) + 1
    assert children() == before
    assert descriptors() == open_before


def test_many_processes_that_end_badly_leave_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_process, "PATIENCE", 1)
    before, open_before = children(), descriptors()
    for _ in range(8):
        with BoundedProcess(ANSWERS) as process:
            for request in (["leave_at_once"], ["fail", "x"], ["sleep"], ["loop"]):
                with pytest.raises(Unanswered):
                    process.ask(request, seconds=0.1)
    assert children() == before
    assert descriptors() == open_before


def test_a_process_that_cannot_be_started_is_an_os_error(
    process: BoundedProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, open_before = children(), descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "python"))
        with pytest.raises(FileNotFoundError, match="python"):
            process.ask(["same", 1], seconds=10)
    free = [each for each in range(len(open_before) + 9) if each not in open_before]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for first_missing in free[:5]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (first_missing, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                process.ask(["same", 1], seconds=10)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert children() == before
    assert descriptors() == open_before
    assert process.ask(["same", 1], seconds=10) == 1


CALLER = f"""
from vaccine_swift.machine import bounded_process
bounded_process.PATIENCE = 2
process = bounded_process.BoundedProcess(Path({str(ANSWERS)!r}))
print(process.ask(["process"], seconds=10), flush=True)
"""


@pytest.mark.parametrize(
    "then", ["time.sleep(99)", 'process.ask(["sleep"], seconds=1)']
)
def test_the_process_ends_where_its_caller_is_killed(then: str) -> None:
    script = f"import time\nfrom pathlib import Path\n{CALLER}{then}"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        number = int(caller.stdout.readline())
        time.sleep(0.3)
        assert is_there(number)
        caller.kill()
    wait_until_gone(number)


def test_the_process_ends_with_the_interpreter() -> None:
    number = int(run_script(f"from pathlib import Path\n{CALLER}"))
    assert not is_there(number)
