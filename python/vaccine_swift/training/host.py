"""What a run asks of the trainer that it belongs to: data, events, log, evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaccine_swift.training.checkpoint import STATE_FILE
from vaccine_swift.training.evaluation import evaluation_metrics
from vaccine_swift.training.sampling import check_fits, survey

if TYPE_CHECKING:
    from vaccine_swift.batches import Example
    from vaccine_swift.methods import Method
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.flow import CallbackHandler
    from vaccine_swift.training.optimiser import Optimiser
    from vaccine_swift.training.ranks import Ranks
    from vaccine_swift.training.state import TrainerControl, TrainerState

__all__ = ["Host"]


class Host:
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
    optimiser: Optimiser | None = None

    def add_callback(self, callback: object) -> None:
        """Append a callback, or an instance of a callback class."""
        self.callbacks.add(callback)

    def remove_callback(self, callback: object) -> None:
        """Take out a callback, or the first one of a class, if there is one."""
        self.callbacks.pop(callback)

    def pop_callback(self, callback: object) -> object | None:
        """Take out a callback, or the first one of a class, and return it."""
        return self.callbacks.pop(callback)

    def evaluate(
        self,
        eval_dataset: Sequence[Example] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Measure the loss per supervised token, dropout off, and log it.

        Parameters
        ----------
        eval_dataset : sequence of Example, optional
            In place of the trainer's.
        metric_key_prefix : str
            Put before the names of the metrics.

        Returns
        -------
        dict
            ``eval_loss`` (nats per token), ``eval_runtime`` (s),
            ``eval_samples_per_second``, ``eval_steps_per_second``, ``epoch``.

        Raises
        ------
        ValueError
            When there is no data set, or an example does not fit the model.

        Notes
        -----
        With a `collective` all ranks must call it; each measures some of the batches.
        """
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        if dataset is None:
            raise ValueError("eval_dataset must be given, got None")
        check_fits("eval_dataset", survey("eval_dataset", dataset), self.model)
        metrics = evaluation_metrics(
            self.model,
            dataset,
            self.args.per_device_eval_batch_size,
            prefix=metric_key_prefix,
            after_batch=lambda: self.fire("on_prediction_step"),
            collective=self.ranks.collective,
        )
        self.log(metrics)
        self.fire("on_evaluate", metrics=metrics)
        return metrics

    def log(self, logs: dict[str, float]) -> None:
        """Add an entry, its epoch and its step to the log; fires ``on_log``."""
        logs["epoch"] = self.state.epoch
        self.state.log_history.append({**logs, "step": self.state.global_step})
        self.fire("on_log", logs=logs)

    def save_model(self, output_dir: str | Path | None = None) -> None:
        """Save the adapter as PEFT files, in `args.output_dir` unless told.

        Only rank 0 does; the others go on.
        """
        if not self.ranks.is_first:
            return
        self.model.save_adapter(Path(output_dir or self.args.output_dir))

    def save_state(self) -> None:
        """Write ``trainer_state.json`` in `output_dir`; only rank 0 does."""
        if not self.ranks.is_first:
            return
        Path(self.args.output_dir).mkdir(parents=True, exist_ok=True)
        self.state.save_to_json(Path(self.args.output_dir, STATE_FILE))

    def fire(self, event: str, **kwargs: Any) -> None:
        """Tell all callbacks of an event."""
        self.control = self.callbacks.fire(
            event,
            self.args,
            self.state,
            self.control,
            model=self.model,
            processing_class=getattr(self.model, "tokenizer", None),
            optimizer=self.optimiser,
            **kwargs,
        )
