"""The two trainings of a trial: the alignment, and the user's fine-tuning."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift import data
from vaccine_swift.lora import LoRAConfig
from vaccine_swift.methods import Method
from vaccine_swift.training import Trainer, TrainerCallback, TrainingArguments
from vaccine_swift.training.progress import PrinterCallback

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.study.grid import Trial

__all__ = ["examples", "train"]

_POINTS: Final = 60
_ATTACK_SEEDS: Final = 2**32
"""Added to a seed for the user's training: its draws are not the alignment's."""


def train(
    model: CausalLM,
    rows: Sequence[dict[str, Any]],
    trial: Trial,
    part: str,
    directory: Path,
    *,
    method: Method,
    report: Callable[[float], None],
    callbacks: Sequence[TrainerCallback] = (),
    streams: Mapping[str, Sequence[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Train the model's adapter, a new one if there is none, and save it.

    Parameters
    ----------
    model : CausalLM
        Keeps the adapter.
    rows : sequence of dict
        Training rows.
    trial : Trial
        Its settings and seed.
    part : {"align", "attack"}
        Whose settings to take.
    directory : Path
        Where the adapter goes, as PEFT files.
    method : Method
        Of every step.
    report : callable
        Told the share of steps done.
    callbacks : sequence of TrainerCallback
        Further callbacks.
    streams : mapping of str to sequence of dict, optional
        Rows that the method reads beside the training rows.

    Returns
    -------
    dict
        ``losses``: at most 60 entries [step, loss], and the clean loss where it is
        another, each a mean over the steps since the one before; ``rows``: how many
        were kept, truncated and dropped.
    """
    settings = trial.settings
    seed = trial.seed + (_ATTACK_SEEDS if part == "attack" else 0)
    dataset = examples(rows, model, trial)
    steps, batch = settings[f"{part}_steps"], settings[f"{part}_batch"]
    if model.adapter is None:
        model.add_adapter(
            LoRAConfig(
                r=settings["rank"],
                lora_alpha=settings[f"{part}_alpha"],
                lora_dropout=settings["dropout"],
            ),
            seed=seed,
        )
    trainer = Trainer(
        model,
        TrainingArguments(
            str(directory),
            max_steps=steps,
            per_device_train_batch_size=batch,
            learning_rate=settings[f"{part}_learning_rate"],
            lr_scheduler_type=settings["schedule"],
            warmup_steps=settings["warmup"],
            weight_decay=settings["weight_decay"],
            max_grad_norm=settings["max_grad_norm"],
            logging_steps=math.ceil(steps / _POINTS),
            save_strategy="no",
            seed=seed,
            disable_tqdm=True,
            report_to="none",
        ),
        train_dataset=dataset,
        method=method,
        callbacks=[_Share(report), *callbacks],
        streams={
            name: examples(each, model, trial) for name, each in (streams or {}).items()
        },
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.save_model()
    counts = dataset.report
    return {
        "losses": [
            [entry["step"], entry["loss"]]
            + ([entry["clean_loss"]] if "clean_loss" in entry else [])
            for entry in trainer.state.log_history
            if "loss" in entry
        ],
        "rows": {
            name: getattr(counts, name) for name in ("kept", "truncated", "dropped")
        },
    }


def examples(
    rows: Sequence[dict[str, Any]], model: CausalLM, trial: Trial
) -> data.Dataset:
    """Rows as a trial's template and length make them; what is cut is only counted.

    Raises
    ------
    ValueError
        When the model has no tokeniser; as `vaccine_swift.data.load`.
    """
    if model.tokenizer is None:
        raise ValueError("model must have a tokenizer, which it has not")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return data.load(
            rows,
            model.tokenizer,
            template=trial.settings["template"],
            max_length=trial.settings["max_length"],
            safe=None,
        )


class _Share(TrainerCallback):
    """Tells the share of steps that are done."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._report(state.global_step / state.max_steps)
