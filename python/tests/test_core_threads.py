"""Threads: models compute at once, one model serves one thread after the other."""

from __future__ import annotations

import array
import threading
import time

import numpy as np
import pytest
from core_support import (
    gradients,
    large_batch,
    large_model,
    random_model,
    run_script,
    small_batch,
    step,
)

from vaccine_swift import _core


def in_threads(*functions) -> None:
    """Run functions at once; the first exception of any is raised here."""
    failures = []

    def guarded(function) -> None:
        try:
            function()
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(item,)) for item in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_two_models_in_two_threads_give_what_each_gives_alone() -> None:
    models = [random_model(seed=seed) for seed in (1, 2)]
    references = [random_model(seed=seed) for seed in (1, 2)]

    def train(model: _core.Model) -> None:
        for stream in range(50):
            step(model, stream=stream)

    in_threads(*(lambda model=model: train(model) for model in models))
    for model, reference in zip(models, references, strict=True):
        train(reference)
        for name, gradient in gradients(reference).items():
            np.testing.assert_array_equal(
                gradient, np.asarray(model.read("gradient", name))
            )


def test_two_threads_on_one_model_take_turns() -> None:
    model, reference = random_model(), random_model()
    reports: list[dict] = []

    def train() -> None:
        reports.extend(step(model) for _ in range(25))

    in_threads(train, train)
    for _ in range(50):
        expected = step(reference)
    assert len(reports) == 50
    assert {report["loss"] for report in reports} == {expected["loss"]}
    for name, gradient in gradients(reference).items():
        np.testing.assert_array_equal(
            gradient, np.asarray(model.read("gradient", name))
        )


def test_crossed_optimisers_and_models_do_not_wait_for_each_other() -> None:
    models = [random_model(), random_model()]
    for model in models:
        step(model)
    optimisers = [_core.AdamW(model, 0.9, 0.999, 1e-8, 0.1) for model in models]

    def cross(first: int) -> None:
        for turn in range(200):
            optimisers[(first + turn) % 2].step(models[turn % 2], 1e-4, 1.0)

    in_threads(lambda: cross(0), lambda: cross(1))
    assert sum(optimiser.step_count for optimiser in optimisers) == 400


def test_python_runs_and_inputs_stay_locked_while_a_model_computes() -> None:
    model = large_model()
    ids = array.array("i", large_batch()[0].tolist())
    batch = (ids, ids, array.array("i", [0, 512, 1024, 1536, 2048]))
    worker = threading.Thread(target=step, args=(model, batch))
    worker.start()
    refused = pauses = 0
    while worker.is_alive():
        try:
            ids.append(0)
            ids.pop()
        except BufferError:
            refused += 1
        time.sleep(0.005)
        pauses += 1
    assert pauses > 10
    assert refused > pauses // 2
    ids.append(0)


def test_a_failure_in_one_thread_leaves_the_other_alone() -> None:
    model = random_model()
    expected = step(random_model())["loss"]

    def fail() -> None:
        for _ in range(50):
            with pytest.raises(ValueError, match="input_ids"):
                model.logits([99])

    losses = []
    in_threads(fail, lambda: losses.extend(step(model)["loss"] for _ in range(50)))
    assert set(losses) == {expected}


def test_waiting_for_a_turn_can_be_interrupted() -> None:
    run_script(
        """
        import os, signal, threading, time
        model, batch = large_model(), large_batch()

        def train():
            while True:
                step(model, batch)

        worker = threading.Thread(target=train, daemon=True)
        worker.start()
        time.sleep(0.3)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        try:
            while True:
                model.logits([1, 2])
        except KeyboardInterrupt:
            pass
        waited = time.monotonic() - start
        assert 0.2 < waited < 1.3, waited
        assert worker.is_alive()
        os._exit(0)
        """
    )


def test_the_process_can_end_while_a_thread_computes() -> None:
    run_script(
        """
        import threading, time
        model, batch = large_model(), large_batch()

        def train():
            while True:
                step(model, batch)

        threading.Thread(target=train, daemon=True).start()
        time.sleep(0.3)
        """
    )


def test_another_thread_count_waits_for_the_next_computation() -> None:
    run_script(
        """
        import threading

        _core.set_num_threads(2)
        model, batch = large_model(), large_batch(1)
        expected = step(model, batch)["loss"]
        losses = []

        def compute():
            losses.extend(step(model, batch)["loss"] for _ in range(10))

        thread = threading.Thread(target=compute)
        thread.start()
        count = 0
        while thread.is_alive():
            count = count % 7 + 1
            _core.set_num_threads(count)
            thread.join(0.001)
        assert losses == [expected] * 10
        """
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_thread_count_is_kept(count: int) -> None:
    before = _core.get_num_threads()
    try:
        _core.set_num_threads(count)
        assert _core.get_num_threads() == count
        assert np.isfinite(step(random_model(), small_batch())["loss"])
    finally:
        _core.set_num_threads(before)


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_a_thread_count_out_of_range_is_refused(count: int) -> None:
    before = _core.get_num_threads()
    with pytest.raises(ValueError, match=rf"^n must be in \[1, 1024\], got {count}"):
        _core.set_num_threads(count)
    assert _core.get_num_threads() == before


def test_no_thread_meets_a_half_made_object() -> None:
    # The collector shows its objects to debuggers and profilers, which call them.
    run_script("""
        import gc, threading

        model, done = large_model(), threading.Event()
        met = set()

        def compute():
            while not done.is_set():
                model.loss(*large_batch(1))

        def look():
            while not done.is_set():
                for found in gc.get_objects():
                    if type(found) is _core.AdamW:
                        met.add("AdamW")
                        attempt(lambda: found.step_count)
                        attempt(lambda: found.skipped("x"))
                        attempt(lambda: found.read("first", "x"))
                    elif type(found) is _core.Vector:
                        met.add("Vector")
                        attempt(lambda: found.scale(1.0))
                    elif type(found) is _core.Model and found is not model:
                        met.add("Model")
                        attempt(lambda: found.tensors("weight"))

        def attempt(call):
            try:
                call()
            except (ValueError, RuntimeError):
                pass

        threads = [threading.Thread(target=target) for target in (compute, look)]
        for thread in threads:
            thread.start()
        for _ in range(8):
            optimiser = _core.AdamW(model, 0.9, 0.999, 1e-8, 0.0)
            vector = _core.Vector(model, "zeros")
            other = random_model()
            optimiser.step_count, vector.dot(vector), other.tensors("weight")
        done.set()
        for thread in threads:
            thread.join()
        assert met == {"AdamW", "Vector", "Model"}, met
        """)
