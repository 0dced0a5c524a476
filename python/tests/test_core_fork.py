"""Processes made by fork."""

from __future__ import annotations

import textwrap

from core_support import run_script

FORK = """
import os, sys, threading, time, traceback, warnings
import numpy as np
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads

def in_child(function):
    child = os.fork()
    if child == 0:
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            raise AssertionError("the child hangs")
        time.sleep(0.01)
    assert ended[1] == 0, ended
"""


def run_fork(script: str) -> None:
    run_script(FORK + textwrap.dedent(script))


def test_a_child_computes_the_same_on_one_thread() -> None:
    run_fork(
        """
        model, batch = large_model(), large_batch(1)
        expected = step(model, batch)["loss"]
        logits = np.asarray(model.logits([1, 2, 3]))
        assert _core.get_num_threads() > 1

        def child():
            assert _core.get_num_threads() == 1
            np.testing.assert_allclose(step(model, batch)["loss"], expected, rtol=1e-6)
            np.testing.assert_allclose(model.logits([1, 2, 3]), logits, atol=1e-5)
            other = random_model()
            assert np.isfinite(step(other)["loss"])

        _core.set_num_threads(2)
        in_child(child)
        assert _core.get_num_threads() == 2
        assert step(model, batch)["loss"] == expected
        """
    )


def test_a_child_computes_if_the_parent_never_did() -> None:
    run_fork(
        """
        model = random_model()
        def child():
            # Swift's own locks cannot be contended in a child.
            assert _core.get_num_threads() == 1
            _core.set_num_threads(2)
            assert _core.get_num_threads() == 1
            step(model)

        in_child(child)
        assert np.isfinite(step(model)["loss"])
        assert _core.get_num_threads() > 1
        """
    )


def test_a_grandchild_computes() -> None:
    run_fork(
        """
        model = random_model()
        step(model)
        in_child(lambda: (step(model), in_child(lambda: step(model))))
        """
    )


def test_a_model_that_another_thread_was_using_is_refused_in_the_child() -> None:
    run_fork(
        """
        model, batch = large_model(), large_batch()
        free = random_model()
        step(free)
        forked = threading.Event()

        def train():
            while not forked.is_set():
                step(model, batch)

        worker = threading.Thread(target=train)
        worker.start()
        time.sleep(0.3)

        def child():
            try:
                model.logits([1])
            except RuntimeError as failure:
                assert "in use by another thread" in str(failure), failure
            else:
                raise AssertionError("not refused")
            assert np.isfinite(step(free)["loss"])

        in_child(child)
        forked.set()
        worker.join()
        assert np.isfinite(step(model, large_batch(1))["loss"])
        """
    )


def test_multiprocessing_by_fork_works() -> None:
    run_script(
        """
        import multiprocessing, warnings
        import numpy as np
        warnings.simplefilter("ignore", DeprecationWarning)
        model = random_model()
        expected = step(model)["loss"]
        def loss(seed):
            return step(random_model(seed=seed))["loss"]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(loss, [0, 0, 0]) == [expected] * 3
        """
    )
