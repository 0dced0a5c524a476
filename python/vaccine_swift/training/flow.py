"""Who is told of an event, and who decides when something happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift.training.callbacks import EVENTS, TrainerCallback

if TYPE_CHECKING:
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.state import TrainerControl, TrainerState

__all__ = ["CallbackHandler", "DefaultFlowCallback"]

_CONSUMED: Final[Mapping[str, tuple[str, ...]]] = {
    "on_train_begin": ("should_training_stop",),
    "on_epoch_begin": ("should_epoch_stop",),
    "on_step_begin": ("should_log", "should_evaluate", "should_save"),
    "on_evaluate": ("should_evaluate",),
    "on_save": ("should_save",),
    "on_log": ("should_log",),
}
"""The switches that an event resets before callbacks hear of it."""


class CallbackHandler:
    """Calls every callback in turn and resets the switches that an event consumes."""

    def __init__(self, callbacks: Iterable[object]) -> None:
        self.callbacks: list[object] = []
        for callback in callbacks:
            self.add(callback)

    def add(self, callback: object) -> None:
        """Append a callback, or an instance of a callback class.

        Raises
        ------
        TypeError
            When it has no method of an event's name.
        """
        if isinstance(callback, type):
            callback = callback()
        if not any(callable(getattr(callback, event, None)) for event in EVENTS):
            raise TypeError(
                f"callback must have a method of an event such as on_step_end, "
                f"got {type(callback).__name__}"
            )
        self.callbacks.append(callback)

    def pop(self, callback: object) -> object | None:
        """Take out an instance, or the first instance of a class; None if not there."""
        for index, other in enumerate(self.callbacks):
            same = (
                type(other) is callback
                if isinstance(callback, type)
                else other is callback
            )
            if same:
                return self.callbacks.pop(index)
        return None

    def fire(
        self,
        event: str,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Call `event` of every callback, in the order they were added."""
        for switch in _CONSUMED.get(event, ()):
            setattr(control, switch, False)
        for callback in list(self.callbacks):
            method = getattr(callback, event, None)
            if method is not None:
                control = method(args, state, control, **kwargs) or control
        return control

    def states(self) -> dict[str, Any]:
        """What callbacks with a ``state`` method ask to keep, by class name."""
        return {
            type(callback).__name__: state()
            for callback in self.callbacks
            if callable(state := getattr(callback, "state", None))
        }

    def restore(self, states: Mapping[str, Any]) -> None:
        """Set the attributes that `states` returned."""
        for callback in self.callbacks:
            kept = states.get(type(callback).__name__, {})
            for name, value in kept.get("attributes", {}).items():
                setattr(callback, name, value)


class DefaultFlowCallback(TrainerCallback):
    """Sets the switches as the strategies of `TrainingArguments` say."""

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Log, evaluate, save by steps; stop after the last step."""
        step = state.global_step
        if step == 1 and args.logging_first_step:
            control.should_log = True
        if args.logging_strategy == "steps" and step % state.logging_steps == 0:
            control.should_log = True
        if (
            args.eval_strategy == "steps"
            and step % state.eval_steps == 0
            and args.eval_delay <= step
        ):
            control.should_evaluate = True
        if args.save_strategy == "steps" and step % state.save_steps == 0:
            control.should_save = True
        if step >= state.max_steps:
            control.should_training_stop = True
            if args.save_strategy == "steps":
                control.should_save = True
        return control

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Log, evaluate, save by epochs."""
        if args.logging_strategy == "epoch":
            control.should_log = True
        if args.eval_strategy == "epoch" and args.eval_delay <= state.epoch:
            control.should_evaluate = True
        if args.save_strategy == "epoch":
            control.should_save = True
        return control
