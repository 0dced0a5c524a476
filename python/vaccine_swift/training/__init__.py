"""The trainer: arguments, loop, callbacks, checkpoints, logs."""

from __future__ import annotations

from vaccine_swift.training.arguments import TrainingArguments
from vaccine_swift.training.callbacks import TrainerCallback
from vaccine_swift.training.early_stopping import EarlyStoppingCallback
from vaccine_swift.training.flow import DefaultFlowCallback
from vaccine_swift.training.progress import (
    JSONLinesCallback,
    PrinterCallback,
    ProgressCallback,
)
from vaccine_swift.training.state import TrainerControl, TrainerState, TrainOutput
from vaccine_swift.training.trainer import Trainer

__all__ = [
    "DefaultFlowCallback",
    "EarlyStoppingCallback",
    "JSONLinesCallback",
    "PrinterCallback",
    "ProgressCallback",
    "TrainOutput",
    "Trainer",
    "TrainerCallback",
    "TrainerControl",
    "TrainerState",
    "TrainingArguments",
]
