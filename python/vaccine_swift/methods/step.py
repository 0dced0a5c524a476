"""`Step`: one micro-batch, and the verbs that a recipe works with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.batches import Batch
from vaccine_swift.engines.swift.vector import Vector

if TYPE_CHECKING:
    from vaccine_swift.engines import AttentionGradients, Engine
    from vaccine_swift.engines.base import State
    from vaccine_swift.engines.loss_terms import Reference
    from vaccine_swift.engines.perturbations import Perturbation
    from vaccine_swift.engines.report import StepReport

__all__ = ["Step"]


class Step:
    """One micro-batch of an optimiser step.

    Every pass draws dropout masks and noise of its own, as a function of (`seed`,
    `stream`, its place among the passes of the step); so a resumed run draws them
    again.

    Parameters
    ----------
    engine : Engine
        Offers the verbs.
    batch : Batch
        The micro-batch.
    weight : float
        What the micro-batch's gradient is multiplied by: its share of the step.
    seed, stream : int
        Of the random numbers; `stream` numbers the micro-batches of a run.
    number : int
        The optimiser step, from 0.
    index : int
        The micro-batch among those of the optimiser step, from 0.
    total : int
        Optimiser steps of the whole run; 0 where there is none.
    state : mutable mapping of str to ndarray or Vector
        What the method keeps from step to step; checkpoints hold it. After resuming, a
        vector is an array until `vector` asks for it.
    streams : mapping of str to callable
        For each data stream, what gives its next batch.
    """

    def __init__(
        self,
        engine: Engine,
        batch: Batch,
        *,
        weight: float = 1.0,
        seed: int = 0,
        stream: int = 0,
        number: int = 0,
        index: int = 0,
        total: int = 0,
        state: MutableMapping[str, Any] | None = None,
        streams: Mapping[str, Callable[[], Batch]] | None = None,
    ) -> None:
        self.engine = engine
        self.batch = batch
        self.weight = weight
        self.seed = seed
        self.stream = stream
        self.number = number
        self.index = index
        self.total = total
        self.state = {} if state is None else state
        self._streams = streams or {}
        self.has_frozen = False
        self._passes = 0
        self._gradient: Vector | None = None
        self._started = time.perf_counter()

    def forward_backward(
        self,
        batch: Batch | None = None,
        *,
        perturbation: Perturbation | None = None,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        weight: float = 1.0,
    ) -> StepReport:
        """Add the gradient of the mean cross-entropy to the adapter's gradient.

        Parameters
        ----------
        batch : Batch, optional
            In place of the step's own.
        perturbation : Worst, Gaussian or Given, optional
            What the attention outputs are moved by, held constant.
        weights : ndarray, float32 [T], optional
            One for each token of the batch, aligned with its labels.
        reference : Reference, optional
            Log-probabilities to stay close to.
        weight : float
            Multiplies the gradient, beside the step's own weight.

        Returns
        -------
        StepReport
        """
        return self.engine.forward_backward(
            self.batch if batch is None else batch,
            perturbation=perturbation,
            weights=weights,
            reference=reference,
            weight=self.weight * weight,
            seed=self.seed,
            stream=self.stream,
            draw=self._next_draw(),
        )

    def backward_from(
        self,
        states: Mapping[tuple[State, int], npt.NDArray[np.float32]] | None = None,
        *,
        batch: Batch | None = None,
        logits: npt.NDArray[np.float32] | None = None,
        loss: float = math.nan,
        weight: float = 1.0,
    ) -> StepReport:
        """Add the gradient of a loss of one's own, dropout off.

        Parameters
        ----------
        states, logits, loss
            As in `Engine.backward_from`.
        batch : Batch, optional
            In place of the step's own.
        weight : float
            Multiplies the gradient, beside the step's own weight.

        Returns
        -------
        StepReport
        """
        return self.engine.backward_from(
            self.batch if batch is None else batch,
            states,
            logits=logits,
            loss=loss,
            weight=self.weight * weight,
        )

    def attention_gradients(self, batch: Batch | None = None) -> AttentionGradients:
        """The loss and its gradient at the attention outputs, without any other.

        Parameters
        ----------
        batch : Batch, optional
            In place of the step's own.
        """
        return self.engine.attention_gradients(
            self.batch if batch is None else batch,
            seed=self.seed,
            stream=self.stream,
            draw=self._next_draw(),
        )

    @property
    def gradient(self) -> Vector:
        """The adapter's gradient, to be read and changed."""
        if self._gradient is None:
            self._gradient = self.engine.gradient
        return self._gradient

    @property
    def adapter(self) -> Vector:
        """The adapter's weights, to be read and changed."""
        return self.engine.adapter

    def freeze(self, names: Iterable[str]) -> None:
        """As `Engine.freeze`, for this step: each micro-batch freezes anew."""
        self.engine.freeze(names)
        self.has_frozen = True

    def vector(self, name: str) -> Vector:
        """The vector that `state` holds under a name; zeros if there is none yet.

        Raises
        ------
        ValueError
            When `state` holds numbers of another shape.
        """
        held = self.state.get(name)
        if not isinstance(held, Vector):
            vector = self.engine.zeros()
            if held is not None:
                vector.write(held)
            self.state[name] = held = vector
        return held

    def next_batch(self, name: str) -> Batch:
        """The next batch of a data stream.

        Raises
        ------
        RuntimeError
            When the run has no stream of the name.
        """
        if name not in self._streams:
            raise RuntimeError(
                f"the method reads the data stream {name!r}: give it as "
                f"streams={{{name!r}: …}}"
            )
        return self._streams[name]()

    def random(self) -> np.random.Generator:
        """Random numbers for the recipe, the same again in a resumed run."""
        return np.random.default_rng([self.seed, self.stream, self._next_draw()])

    def finish(self, report: StepReport) -> StepReport:
        """The report with the time of the whole step, and the gradient's norm.

        Raises
        ------
        ValueError
            When the recipe has made a gradient that is not finite.
        """
        norm = report.gradient_norm
        if self._gradient is not None:
            norm = self._gradient.norm()
            if not math.isfinite(norm):
                raise ValueError("the gradient that the method formed is not finite")
        seconds = time.perf_counter() - self._started
        return replace(report, seconds=seconds, gradient_norm=norm)

    def _next_draw(self) -> int:
        self._passes += 1
        return self._passes - 1
