"""An accumulator serves one caller at a time, and nobody waits for ever."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

from vaccine_swift import _core, drift

WIDTH = 4


def filled() -> drift.Accumulator:
    acc = drift.Accumulator(width=WIDTH)
    x = np.random.default_rng(0).normal(size=(20, WIDTH))
    acc.update(x, x + 0.1, ids=range(20))
    return acc


class Calling:
    """Rows that call something while the accumulator reads them."""

    def __init__(self, call):
        self.call = call

    def __array__(self, dtype=None, copy=None):
        self.call()
        return np.ones((2, WIDTH))


def test_an_accumulator_may_be_its_own_floor_and_is_no_new_part():
    acc = filled()
    floor = acc.report(tests=[], permutations=0, floor=acc).to_dict()["floor"]
    assert floor["source"] == "repeat run"
    assert floor["below"] == [True]
    with pytest.raises(ValueError, match="ids must be new"):
        acc.merge(acc)


@pytest.mark.parametrize("what", ["save", "update", "report", "copy", "merge"])
def test_a_call_from_within_a_call_is_refused_and_loses_nothing(what, tmp_path):
    acc = filled()
    calls = {
        "save": lambda: acc.save(tmp_path / "within"),
        "update": lambda: acc.update(
            np.ones((1, WIDTH)), np.ones((1, WIDTH)), ids=["b"]
        ),
        "report": lambda: acc.report(tests=[]),
        "copy": lambda: drift.Accumulator.__copy__(acc),
        "merge": lambda: drift.Accumulator(width=WIDTH).merge(acc),
    }
    with pytest.raises((RuntimeError, TypeError), match="already computing"):
        acc.update(Calling(calls[what]), np.ones((2, WIDTH)), ids=["c", "d"])
    assert acc.prompts == 20
    acc.update(np.ones((2, WIDTH)), np.ones((2, WIDTH)), ids=["c", "d"])
    assert acc.prompts == 22


def test_a_signal_handler_that_saves_during_an_update_is_refused(tmp_path):
    acc = filled()
    before = signal.signal(
        signal.SIGUSR1, lambda *_: acc.save(tmp_path / "from the handler")
    )
    try:
        rows = Calling(lambda: signal.raise_signal(signal.SIGUSR1))
        with pytest.raises((RuntimeError, TypeError), match="signal handler"):
            acc.update(rows, np.ones((2, WIDTH)), ids=["c", "d"])
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert acc.prompts == 20
    assert not (tmp_path / "from the handler").exists()


def test_a_child_forked_during_an_update_is_refused_and_does_not_hang():
    acc = filled()
    reading, go_on = threading.Event(), threading.Event()

    def wait():
        reading.set()
        assert go_on.wait(30)

    thread = threading.Thread(
        target=lambda: acc.update(Calling(wait), np.ones((2, WIDTH)), ids=["c", "d"])
    )
    thread.start()
    assert reading.wait(30)
    child = os.fork()
    if not child:  # pragma: no cover - the child ends without the test's handlers
        signal.alarm(20)
        try:
            acc.report(tests=[])
        except RuntimeError as error:
            os._exit(0 if "forked" in str(error) else 2)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert acc.prompts == 22


def test_threads_take_turns():
    acc = drift.Accumulator(width=WIDTH)
    x = np.ones((3, WIDTH))

    def add(first):
        for number in range(20):
            acc.update(x, x, ids=[f"{first}/{number}/{k}" for k in range(3)])

    threads = [threading.Thread(target=add, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert acc.prompts == 240


def test_a_turn_is_given_by_its_holder_alone():
    turn = _core.Turn("thing")
    with pytest.raises(RuntimeError, match="not this thread's"):
        turn.__exit__(None, None, None)
    with turn, pytest.raises(RuntimeError, match="the thing is already computing"):
        turn.__enter__()
    with turn:
        pass
    with pytest.raises(TypeError, match="owner must be"):
        _core.Turn(3)
