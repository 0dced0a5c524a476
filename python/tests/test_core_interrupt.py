"""Signals while the core computes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from core_support import (
    gradients,
    large_batch,
    large_model,
    random_model,
    run_script,
    step,
)

from vaccine_swift import _core


class Alarm(Exception):
    """Raised by a signal handler."""


@contextmanager
def alarm(seconds: float, handler: Callable) -> Iterator[None]:
    """Have a signal handler called once, after some time."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def raise_alarm(*_: object) -> None:
    raise Alarm


@pytest.fixture(scope="module")
def model() -> _core.Model:
    return large_model()


CALLS = {
    "forward_backward vaccine": "step(model, batch)",
    "forward_backward sft": "step(model, batch, perturbation='none')",
    "forward_backward random": (
        "step(model, batch, perturbation='gaussian', variance=0.1)"
    ),
    "loss": "model.loss(*batch)",
    "logits": "model.logits(batch[0][:512])",
    "attention outputs": (
        "model.hidden_states(batch[0][:512], np.array([0, 512]), what='attention',"
        " layers=np.arange(8), rows=np.arange(512), bounds=np.arange(513))"
    ),
    "hidden_states": (
        "model.hidden_states(batch[0], batch[2], what='mlp', layers=[0],"
        " rows=[0], bounds=[0, 1])"
    ),
    "generate": (
        "model.generate(batch[0][:8], np.arange(9), max_new_tokens=[500] * 8,"
        " temperature=0.0, top_p=1.0, seed=0, first_prompt=0, end_tokens=[])"
    ),
    "initialise": "spare.initialise(0)",
    "Model": "_core.Model(configuration(context_length=1 << 25))",
    "merge_adapter": (
        "spare.merge_adapter(); spare.add_adapter(['up_proj'], [8], [1.0], 0.0, 0)"
    ),
    "reserve": "spare.reserve(100_000, 1000, use='perturbed training')",
    "AdamW.step": "optimiser.step(spare, 1e-3, 1.0)",
    "loss of 40 sequences": "model.loss(*batches)",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_ctrl_c_is_heard_within_a_second(call: str) -> None:
    run_script(
        f"""
        import os, signal, threading, time
        import numpy as np
        model, batch, batches = large_model(), large_batch(), large_batch(40)
        spare = large_model()
        optimiser = _core.AdamW(spare, 0.9, 0.999, 1e-8, 0.0)
        expected = np.asarray(model.logits([1, 2, 3]))
        step(model, large_batch(1))
        model.zero_gradients()
        sent = []

        def interrupt():
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Timer(0.5, interrupt).start()
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            delay = time.monotonic() - sent[0]
        assert delay < 1, delay
        np.testing.assert_array_equal(np.asarray(model.logits([1, 2, 3])), expected)
        if {call!r}.startswith("step"):
            # Zero, or those of whole steps where the signal came between two calls.
            kept = gradients(model)
            model.zero_gradients()
            {call}
            for name, whole in gradients(model).items():
                steps = round(np.vdot(kept[name], whole) / np.vdot(whole, whole))
                bound = 1e-5 * max(steps, 1) * np.abs(whole).max()
                np.testing.assert_allclose(kept[name], steps * whole, atol=bound)
        report = step(model, large_batch(1))
        assert np.isfinite(report["loss"])
        """
    )


def step_until_alarm(model: _core.Model) -> None:
    batch = large_batch()

    def train() -> None:
        while True:
            step(model, batch)

    with alarm(0.2, raise_alarm), pytest.raises(Alarm):
        train()


def test_what_the_handler_raises_is_what_the_caller_gets(model: _core.Model) -> None:
    step(model, large_batch(1))
    step_until_alarm(model)
    assert all(not gradient.any() for gradient in gradients(model).values())


def test_a_step_after_an_interrupt_equals_a_first_step(model: _core.Model) -> None:
    model.zero_gradients()
    batch = large_batch(1)
    first = step(model, batch)
    expected = gradients(model)
    step_until_alarm(model)
    second = step(model, batch)
    del first["seconds"], second["seconds"]
    assert second == first
    for name, gradient in gradients(model).items():
        np.testing.assert_array_equal(gradient, expected[name])


def test_a_handler_that_returns_disturbs_nothing(model: _core.Model) -> None:
    batch = large_batch(1)
    model.zero_gradients()
    expected = step(model, batch)["loss"]
    calls = []
    with alarm(0.05, lambda *_: calls.append(1)):
        assert step(model, batch)["loss"] == expected
    assert calls == [1]


def test_a_handler_cannot_use_the_model_that_computes(model: _core.Model) -> None:
    failures = []

    def handler(*_: object) -> None:
        try:
            model.logits([1])
        except RuntimeError as failure:
            failures.append(str(failure))

    with alarm(0.05, handler):
        step(model, large_batch(1))
    (message,) = failures
    assert message.startswith("the model is already computing in this thread")


def test_a_handler_can_use_another_model(model: _core.Model) -> None:
    other = random_model()
    expected = step(random_model())["loss"]
    losses = []
    with alarm(0.05, lambda *_: losses.append(step(other)["loss"])):
        step(model, large_batch(1))
    assert losses == [expected]
