"""What a run asks of the trainer that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from vaccine_swift.batches import Example
    from vaccine_swift.methods import Method
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.flow import CallbackHandler
    from vaccine_swift.training.ranks import Ranks
    from vaccine_swift.training.state import TrainerControl, TrainerState

__all__ = ["Host"]


class Host(Protocol):
    """The settings, the data and the events of a `Trainer`."""

    model: CausalLM
    args: TrainingArguments
    train_dataset: Sequence[Example]
    eval_dataset: Sequence[Example] | None
    method: Method
    lr_lambda: Callable[[int], float] | None
    streams: dict[str, Sequence[Example]]
    state: TrainerState
    control: TrainerControl
    callbacks: CallbackHandler
    ranks: Ranks

    def evaluate(self) -> dict[str, float]:
        """Measure, log and return the metrics of `eval_dataset`."""

    def fire(self, event: str, **kwargs: Any) -> None:
        """Tell all callbacks of an event."""

    def log(self, logs: dict[str, float]) -> None:
        """Add an entry to the log."""
