"""Stop when the metric stops improving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaccine_swift._arguments import check_range
from vaccine_swift.training.best import improves, metric_value
from vaccine_swift.training.callbacks import TrainerCallback

if TYPE_CHECKING:
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.state import TrainerControl, TrainerState

__all__ = ["EarlyStoppingCallback"]


class EarlyStoppingCallback(TrainerCallback):
    """Stop training once `metric_for_best_model` has not improved for a while.

    Parameters
    ----------
    early_stopping_patience : int
        Evaluations in a row without improvement that end the run, ≥ 1.
    early_stopping_threshold : float
        An improvement has to be larger than this, ≥ 0.

    Raises
    ------
    TypeError, ValueError
        When a parameter is out of range; at the start of training, when the arguments
        name no metric or no evaluation.

    Notes
    -----
    Same rule as transformers' callback of this name. The count goes into checkpoints,
    so that a resumed run stops where an unbroken one does.
    """

    def __init__(
        self, early_stopping_patience: int = 1, early_stopping_threshold: float = 0.0
    ) -> None:
        check_range(
            "early_stopping_patience", early_stopping_patience, minimum=1, integer=True
        )
        check_range("early_stopping_threshold", early_stopping_threshold, minimum=0.0)
        self.early_stopping_patience = early_stopping_patience
        self.early_stopping_threshold = early_stopping_threshold
        self.early_stopping_patience_counter = 0

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Refuse a run that never evaluates."""
        if args.metric_for_best_model is None or args.eval_strategy == "no":
            raise ValueError(
                "EarlyStoppingCallback needs metric_for_best_model and an "
                f"eval_strategy, got {args.metric_for_best_model!r} and "
                f"{args.eval_strategy!r}"
            )
        if state.global_step == 0:
            self.early_stopping_patience_counter = 0

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Count evaluations without improvement; ask for the stop."""
        value = metric_value(args, kwargs["metrics"])
        best = state.best_metric
        if best is None or (
            improves(args, value, best)
            and abs(value - best) > self.early_stopping_threshold
        ):
            self.early_stopping_patience_counter = 0
            return
        self.early_stopping_patience_counter += 1
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in transformers' form."""
        return {
            "args": {
                "early_stopping_patience": self.early_stopping_patience,
                "early_stopping_threshold": self.early_stopping_threshold,
            },
            "attributes": {
                "early_stopping_patience_counter": self.early_stopping_patience_counter
            },
        }
