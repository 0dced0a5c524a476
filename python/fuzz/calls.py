"""One case: a few calls of the binary module, most of them with something wrong."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz.counts import CALLED
from fuzz.draw import INTEGERS, Draw, Reentrant
from fuzz.drift_targets import DRIFT
from fuzz.models import modules, new_model
from fuzz.targets import FUNCTIONS, METHODS, OPTIMISER, VECTOR
from vaccine_swift import _core

__all__ = ["DOCUMENTED", "calls_case", "missing", "threads_case"]

DOCUMENTED = (TypeError, ValueError, MemoryError, RuntimeError)
ENDING = ("remove_adapter", "merge_adapter", "add_adapter", "freeze_adapter")
"""After which most calls have nothing to do without an adapter."""
FINITE = frozenset(
    {"logits", "hidden_states", "loss", "token_losses", "log_probabilities"}
)
"""Whose results hold neither NaN nor infinity."""
FOLLOWING = {
    "forward_backward": "perturbations",
    "attention_gradients": "attention_gradient_states",
}


def missing() -> set[str]:
    """Names of the module that no case calls."""
    known = {*FUNCTIONS, *DRIFT, "AdamW", "Vector", "Buffer"}
    known |= {"available_memory", "get_num_threads", "dtypes", "build_description"}
    known |= {"drift_metrics", "drift_reasons", "MappedFile", "check_mapped"}
    absent = {name for name in vars(_core) if not name.startswith("_")} - known
    for owner, table in ((_core.Model, METHODS), (_core.AdamW, OPTIMISER)):
        absent |= _methods(owner) - table.keys()
    return absent | _methods(_core.Vector) - VECTOR.keys()


def _methods(owner: type) -> set[str]:
    public = {name for name in vars(owner) if not name.startswith("_")}
    return {name for name in public if inspect.isroutine(getattr(owner, name))}


def calls_case(draw: Draw) -> int:
    """Calls in a row on objects of their own; the number of calls."""
    if draw.once_in(3):
        return sum(_drift(draw) for _ in range(8))
    if draw.once_in(8):
        return sum(_function(draw) for _ in range(8))
    model = new_model(draw)
    objects = _Objects(model, draw)
    count = draw.few(1, 8)
    for _ in range(count):
        objects.call(draw)
    return count + (_mapped(draw) if draw.once_in(20) else 0)


def attempt(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The result, or None after an exception that is documented."""
    CALLED[getattr(function, "__qualname__", type(function).__name__)] += 1
    try:
        return function(*args, **options)
    except MemoryError:
        return None
    except DOCUMENTED as failure:
        text = str(failure)
    if not text:
        raise AssertionError(f"{function!r} raises without a word")
    return None


def _spoilt(draw: Draw, items: list[Any]) -> list[Any]:
    """Mostly one argument that is wrong."""
    for _ in range(draw.choice([0, 0, 0, 1, 1, 2])):
        if items:
            place = draw.randrange(len(items))
            items[place] = draw.spoilt(items[place])
    return items


def _drift(draw: Draw) -> int:
    name = draw.choice(sorted(DRIFT))
    attempt(getattr(_core, name), *_spoilt(draw, DRIFT[name](draw)))
    return 1


def _function(draw: Draw) -> int:
    name = draw.choice(sorted(FUNCTIONS))
    options = FUNCTIONS[name](draw)
    values = _spoilt(draw, list(options.values()))
    if name == "Model" and draw.once_in(2):
        values = [draw.spoilt(options["configuration"])]
    made = attempt(getattr(_core, name), **dict(zip(options, values, strict=True)))
    if isinstance(made, _core.Model):
        attempt(made.initialise, 0)
        attempt(made.logits, [1, 2])
        attempt(made.add_adapter, modules(made.configuration)[:1], [2], [1.0], 0.0, 0)
        attempt(made.forward_backward, [1, 2, 3], [1, 2, 3], [0, 3])
    _core.set_num_threads(2)
    return 1


def _mapped(draw: Draw) -> int:
    path = __file__ if draw.once_in(2) else draw.spoilt(__file__)
    try:
        file = _core.MappedFile(path)
    except (OSError, *DOCUMENTED):
        file = None
    array = draw.choice([file, draw.array(), draw.anything()])
    attempt(_core.check_mapped, array)
    attempt(_core.drift_table, *(array if draw.once_in(4) else file for _ in range(11)))
    return 3


class _Objects:
    """A model with what belongs to it."""

    def __init__(self, model: _core.Model, draw: Draw) -> None:
        self.model = model
        self.vectors = [
            _core.Vector(model, draw.choice(["adapter", "gradient", "zeros"]))
            for _ in range(2)
        ]
        reals = [draw.choice([0.9, 0.0]), 0.999, 1e-8, 0.1]
        settings = _spoilt(draw, list(reals)) if draw.once_in(4) else reals
        self.optimiser = attempt(_core.AdamW, model, *settings)

    def call(self, draw: Draw) -> None:
        """One call of a method, whose arguments may call back."""
        owner: Any = self.model
        subject: Any = self.model
        table = METHODS
        if draw.once_in(4):
            owner, table, subject = draw.choice(self.vectors), VECTOR, self.vectors
        elif draw.once_in(4) and self.optimiser is not None:
            owner, table = self.optimiser, OPTIMISER
        if owner is self.optimiser and draw.once_in(8):
            attempt(setattr, owner, "step_count", draw.choice(INTEGERS))
        name = draw.choice(sorted(table))
        self._call(owner, name, table, subject, draw)
        if name in FOLLOWING and draw.once_in(2):
            self._call(owner, FOLLOWING[name], table, subject, draw)
        if name in ENDING and not draw.once_in(4):
            targets = modules(self.model.configuration)
            ranks = [2] * len(targets)
            attempt(self.model.add_adapter, targets, ranks, [1.0] * len(ranks), 0.0, 0)

    def _call(
        self, owner: Any, name: str, table: Any, subject: Any, draw: Draw
    ) -> None:
        try:
            options = table[name](subject, draw)
        except (IndexError, *DOCUMENTED):
            return  # without an adapter nothing has a name
        values = _spoilt(draw, list(options.values()))
        if values and draw.once_in(12):
            place = draw.randrange(len(values))
            values[place] = Reentrant(values[place], self._action(draw))
        result = attempt(
            getattr(owner, name), **dict(zip(options, values, strict=True))
        )
        if name in FINITE and result is not None and not np.isfinite(result).all():
            raise AssertionError(f"{name} gave what is not finite")

    def _action(self, draw: Draw) -> Callable[[], object]:
        """What a value does to the model while it is read."""
        ids = np.arange(3)
        action = draw.choice(
            [
                self.model.remove_adapter,
                self.model.merge_adapter,
                lambda: self.model.add_adapter(["q_proj"], [3], [1.0], 0.0, 0),
                lambda: self.model.forward_backward(ids, ids, [0, 3]),
                lambda: self.model.initialise(1),
                lambda: self.vectors[0].scale(2.0),
            ]
        )
        return lambda: attempt(action)


def threads_case(draw: Draw) -> int:
    """Threads on one model, while another writes the arrays that they read."""
    objects = _Objects(new_model(draw), draw)
    seeds = [draw.getrandbits(32) for _ in range(3)]
    failures: list[BaseException] = []

    def run(seed: int) -> None:
        own = Draw(seed)
        try:
            for _ in range(6):
                objects.call(own)
        except BaseException as failure:  # noqa: BLE001  # for the thread that joins
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in seeds]
    threads.append(threading.Thread(target=_write_meanwhile, args=(draw, failures)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return 6 * len(seeds) + 8


def _write_meanwhile(draw: Draw, failures: list[BaseException]) -> None:
    """Calls of drift functions whose integer arrays change under them."""
    try:
        for _ in range(8):
            name = draw.choice(
                ["drift_table", "drift_paired_metrics", "drift_two_sample"]
            )
            arguments = DRIFT[name](draw)
            integers = [
                each
                for each in arguments
                if isinstance(each, np.ndarray) and each.dtype == np.int64 and each.size
            ]
            writer = threading.Thread(target=_scribble, args=(integers,))
            writer.start()
            attempt(getattr(_core, name), *arguments)
            writer.join()
    except BaseException as failure:  # noqa: BLE001  # for the thread that joins
        failures.append(failure)


def _scribble(arrays: list[np.ndarray]) -> None:
    for value in (2**40, -1, 2**62, 0) * 20:
        for array in arrays:
            array.reshape(-1)[-1] = value
