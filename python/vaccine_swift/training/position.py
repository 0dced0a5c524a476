"""Where a run stands, beyond what `TrainerState` tells."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from vaccine_swift.files.fields import check_fields

__all__ = ["Position"]


@dataclass
class Position:
    """Everything that a resumed run needs to go on bit for bit.

    Parameters
    ----------
    epoch, steps_in_epoch : int
        The epoch, from 0, and its optimiser steps done.
    micro_steps : int
        Micro-batches done: the next one's random stream.
    loss_sum : float
        Sum of all steps' losses.
    logged_steps : int
        Optimiser steps when the loss was last logged.
    loss_since_log, clean_loss_since_log : float
        Sums of the steps' losses since then; None where a step has no clean loss.
    tokens_since_log, seconds_since_log
        Real tokens and time of those steps.
    gradient_norm, learning_rate : float
        Of the last step; the norm before clipping.
    should_training_stop, should_epoch_stop : bool
        Switches that a callback had set.
    """

    epoch: int = 0
    steps_in_epoch: int = 0
    micro_steps: int = 0
    loss_sum: float = 0.0
    logged_steps: int = 0
    loss_since_log: float = 0.0
    clean_loss_since_log: float | None = 0.0
    tokens_since_log: int = 0
    seconds_since_log: float = 0.0
    gradient_norm: float = 0.0
    learning_rate: float = 0.0
    should_training_stop: bool = False
    should_epoch_stop: bool = False

    def add_step(
        self, loss: float, clean_loss: float, tokens: int, seconds: float
    ) -> None:
        """Count a step that is done; `clean_loss` is NaN where the method has none."""
        self.steps_in_epoch += 1
        self.loss_sum += loss
        self.loss_since_log += loss
        if math.isnan(clean_loss):
            self.clean_loss_since_log = None
        elif self.clean_loss_since_log is not None:
            self.clean_loss_since_log += clean_loss
        self.tokens_since_log += tokens
        self.seconds_since_log += seconds

    def take_logs(self, step: int) -> dict[str, float]:
        """Means since the last log, at optimiser step `step`; starts the next ones."""
        steps = step - self.logged_steps
        logs = {"loss": self.loss_since_log / steps}
        if self.clean_loss_since_log is not None:
            logs["clean_loss"] = self.clean_loss_since_log / steps
        logs["grad_norm"] = self.gradient_norm
        logs["learning_rate"] = self.learning_rate
        logs["tokens_per_second"] = self.tokens_since_log / self.seconds_since_log
        self.logged_steps = step
        self.loss_since_log = self.clean_loss_since_log = 0.0
        self.tokens_since_log, self.seconds_since_log = 0, 0.0
        return logs

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Position:
        """What `to_dict` returned.

        Raises
        ------
        ValueError
            When a field is missing, unknown or of another type.
        """
        names = {entry.name for entry in fields(cls)}
        if set(values) != names:
            wrong = sorted(names ^ set(values))
            raise ValueError(f"fields missing or unknown: {', '.join(wrong)}")
        check_fields(cls, values)
        return cls(**values)
