"""`Monitor`: drift from the start, measured while a model trains."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.batches import Example
from vaccine_swift.drift.probe import Capture, Groups, Ids, Probe
from vaccine_swift.drift.probe_states import ProbeStates
from vaccine_swift.drift.report_schema import estimate
from vaccine_swift.files import append_line, write_text
from vaccine_swift.models import CausalLM
from vaccine_swift.training.callbacks import TrainerCallback
from vaccine_swift.training.progress import LOG_FILE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vaccine_swift.drift.accumulator import Accumulator
    from vaccine_swift.drift.report import Report

__all__ = ["Monitor"]


class Monitor(TrainerCallback):
    """Measures the drift of the probe prompts every few steps.

    The reference's states are computed once and kept: with the default pooling,
    layers × prompts × width × 4 bytes (4 MB for 64 prompts of SmolLM2-135M).

    Parameters
    ----------
    dataset : sequence of Example
        The probe prompts; a few dozen do.
    every : int
        Optimiser steps between measurements. The last step is always measured; with a
        `reference`, so is the start.
    reference : CausalLM, optional
        What to measure against; by default the model at the start of training. A
        resumed run starts where it was resumed: give the reference there.
    layers, what, ids, groups, batch_size
        As in `vaccine_swift.drift.compare`.
    pool : {"mean", "last", "response", "tokens"}
        Likewise; "tokens" and "response" keep a row for every token.
    confidence : float
        Of the intervals.
    path : path, optional
        A JSONL file with a line for each measurement, started anew by each run.

    Attributes
    ----------
    history : list of dict
        One for each measurement: ``step``, ``epoch``, ``relative_drift``, ``low``,
        ``high``, ``layers`` (a float each), and ``groups`` (name to float).
    report : Report or None
        The last measurement in full.
    accumulator : Accumulator or None
        What it was made from, for reports with other tests.

    Notes
    -----
    Each measurement also enters the trainer's log as ``drift``, ``drift_low``,
    ``drift_high`` and ``drift/<group>``, so it is in ``trainer.state.log_history``,
    ``log.jsonl`` and ``trainer_state.json``. Looking often at intervals of one
    measurement each makes a chance excess likely: act on several in a row.

    Examples
    --------
    >>> monitor = Monitor(probe, every=50)  # doctest: +SKIP
    >>> Trainer(model, args, train_dataset=data, callbacks=[monitor])  # doctest: +SKIP
    """

    def __init__(
        self,
        dataset: Sequence[Example],
        *,
        every: int = 50,
        reference: CausalLM | None = None,
        layers: Literal["all"] | Sequence[int] = "all",
        what: Literal["attention", "residual", "mlp"] = "attention",
        pool: Literal["tokens", "last", "mean", "response"] = "mean",
        ids: Ids | None = None,
        groups: Groups | None = None,
        batch_size: int = 8,
        confidence: float = 0.95,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        check_range("every", every, minimum=1, integer=True)
        check_range("confidence", confidence, above=0, below=1)
        if reference is not None and not isinstance(reference, CausalLM):
            raise TypeError(
                f"reference must be a CausalLM, got {type(reference).__name__}"
            )
        self._capture = Capture(what, pool, layers)
        self._probe = Probe.of(
            dataset, ids=ids, groups=groups, pool=pool, batch_size=batch_size
        )
        self._every = every
        self._given = reference
        self._confidence = confidence
        self._path = None if path is None else Path(path)
        self._start: ProbeStates | None = None
        self.history: list[dict[str, Any]] = []
        self.report: Report | None = None
        self.accumulator: Accumulator | None = None

    def on_train_begin(
        self, args: Any, state: Any, control: Any, **kwargs: Any
    ) -> None:
        """Read the reference's states."""
        model = kwargs["model"]
        reference = self._given or model
        size, other = self._capture.size(reference), self._capture.size(model)
        if size != other:
            raise ValueError(
                f"the model must have the reference's {counted(size[0], 'layer')} of "
                f"width {size[1]}, got {other[0]} of width {other[1]}"
            )
        self._start = ProbeStates(reference, self._capture, self._probe)
        self.history = []
        self.report = self.accumulator = None
        if self._path is not None:
            write_text(self._path, "")
        if self._given is not None:
            self._measure(args, state, model)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure after every k-th step and after the last one."""
        if state.global_step % self._every == 0 or state.global_step >= state.max_steps:
            self._measure(args, state, kwargs["model"])

    def plot(self, ax: Axes | None = None) -> Figure:
        """The curve over the steps with its interval, a line for each group.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            When nothing was measured yet.
        """
        from vaccine_swift.drift.plots import draw_history

        return draw_history(self.history, ax)

    def _measure(self, args: Any, state: Any, model: CausalLM) -> None:
        if self._start is None:
            raise RuntimeError("training has not begun: there is no reference")
        self.accumulator = self._start.compared(
            model,
            metadata={
                "reference": "start" if self._given is None else repr(self._given),
                "current": f"step {state.global_step}",
            },
        )
        self.report = self.accumulator.report(tests=[], confidence=self._confidence)
        self._record(args, state, self.report.to_dict())

    def _record(self, args: Any, state: Any, content: dict[str, Any]) -> None:
        value, low, high = estimate(content["overall"]["relative_drift"])
        groups = {
            name: estimate(group["overall"]["relative_drift"])[0]
            for name, group in content["groups"].items()
        }
        when = {"epoch": state.epoch, "step": state.global_step}
        self.history.append(
            {
                **when,
                "relative_drift": value,
                "low": low,
                "high": high,
                "layers": [
                    estimate(layer["relative_drift"])[0] for layer in content["layers"]
                ],
                "groups": groups,
            }
        )
        if self._path is not None:
            append_line(self._path, json.dumps(_finite(self.history[-1])))
        drift = {"drift": value, "drift_low": low, "drift_high": high}
        drift |= {f"drift/{name}": each for name, each in groups.items()}
        state.log_history.append(_finite({**drift, **when}))
        if "jsonl" in args.report_to:
            append_line(
                Path(args.output_dir, LOG_FILE), json.dumps(state.log_history[-1])
            )


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """Without the numbers that JSON does not have."""
    return {
        key: each
        for key, each in entry.items()
        if not isinstance(each, float) or np.isfinite(each)
    }
