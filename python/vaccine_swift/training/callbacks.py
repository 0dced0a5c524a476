"""The callback interface: event names and signature of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.state import TrainerControl, TrainerState

__all__ = ["EVENTS", "TrainerCallback"]


class TrainerCallback:
    """Base of callbacks; every event does nothing.

    Every event takes ``(args, state, control, **kwargs)``: the `TrainingArguments`, the
    `TrainerState`, and the `TrainerControl` whose switches it may set. ``kwargs`` holds
    ``model``, ``processing_class`` (the tokeniser) and ``optimizer``; `on_log` gets
    ``logs``, `on_evaluate` gets ``metrics``, and `on_step_end` gets ``metrics`` of that
    step (``loss``, ``clean_loss``, ``grad_norm``, ``learning_rate``,
    ``tokens_per_second``). An event may return a control in place of the one it got.

    A callback need not derive from this class: what has a method of an event's name is
    one, so a ``transformers.TrainerCallback`` works too.
    """

    def on_init_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """At the end of the trainer's construction."""
        return None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """Before the first step."""
        return None

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After the last step and the last log entry."""
        return None

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """Before an epoch."""
        return None

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After an epoch."""
        return None

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """Before the first micro-batch of an optimiser step."""
        return None

    def on_substep_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After each micro-batch of an accumulated step but the last."""
        return None

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """Gradients are whole, weights untouched."""
        return None

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """Weights are updated, gradients still there."""
        return None

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After an optimiser step; before logging, evaluating and saving."""
        return None

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After an evaluation."""
        return None

    def on_prediction_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After each batch of an evaluation."""
        return None

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After a checkpoint is written."""
        return None

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """After an entry is added to the log."""
        return None


EVENTS: Final = tuple(name for name in vars(TrainerCallback) if name.startswith("on_"))
"""The events that a `Trainer` fires, named as in transformers."""
