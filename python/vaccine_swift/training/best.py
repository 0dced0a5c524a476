"""Which evaluation is the best so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaccine_swift._arguments import nearest

if TYPE_CHECKING:
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.state import TrainerState

__all__ = ["improves", "metric_value", "record_best"]


def metric_value(args: TrainingArguments, metrics: Mapping[str, float]) -> float:
    """The value that `metric_for_best_model` names, with or without ``eval_``.

    Raises
    ------
    ValueError
        When the evaluation has no metric of that name.
    """
    name = f"eval_{(args.metric_for_best_model or '').removeprefix('eval_')}"
    if name not in metrics:
        raise ValueError(
            f"metric_for_best_model must be one of {', '.join(sorted(metrics))}, "
            f"got {args.metric_for_best_model!r}.{nearest(name, metrics)}"
        )
    return metrics[name]


def improves(args: TrainingArguments, value: float, best: float) -> bool:
    """Whether `value` is better than `best`; equal is not."""
    return value > best if args.greater_is_better else value < best


def record_best(
    args: TrainingArguments, state: TrainerState, metrics: Mapping[str, float]
) -> bool:
    """Note an evaluation in the state; True when it is the best so far, never NaN."""
    if args.metric_for_best_model is None:
        return False
    value = float(metric_value(args, metrics))
    if math.isnan(value):
        return False
    if state.best_metric is not None and not improves(args, value, state.best_metric):
        return False
    state.best_metric = value
    state.best_global_step = state.global_step
    state.best_model_checkpoint = None
    return True
