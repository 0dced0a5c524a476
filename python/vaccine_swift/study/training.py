"""The two trainings of a cell: the alignment, and the user's fine-tuning."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift import data
from vaccine_swift.lora import LoRAConfig
from vaccine_swift.methods import SFT, Method, RandomPerturbation, Vaccine
from vaccine_swift.training import Trainer, TrainerCallback, TrainingArguments
from vaccine_swift.training.progress import PrinterCallback

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.study.grid import Cell

__all__ = ["equal_norm_variance", "examples", "train"]

_POINTS: Final = 60
_ATTACK_SEEDS: Final = 2**32
"""Added to a seed for the user's training: its draws are not the alignment's."""


def train(
    model: CausalLM,
    rows: Sequence[dict[str, Any]],
    cell: Cell,
    part: str,
    directory: Path,
    *,
    report: Callable[[float], None],
    callbacks: Sequence[TrainerCallback] = (),
) -> dict[str, Any]:
    """Train the model's adapter, a new one if there is none, and save it.

    Parameters
    ----------
    model : CausalLM
        Keeps the adapter.
    rows : sequence of dict
        Training rows.
    cell : Cell
        Its settings and seed.
    part : {"align", "attack"}
        Whose settings to take. The attack is plain fine-tuning.
    directory : Path
        Where the adapter goes, as PEFT files.
    report : callable
        Told the share of steps done.
    callbacks : sequence of TrainerCallback
        Further callbacks.

    Returns
    -------
    dict
        ``losses``: at most 60 entries [step, loss], and the clean loss where it is
        another, each a mean over the steps since the one before; ``rows``: how many
        were kept, truncated and dropped; ``variance`` of random perturbation.
    """
    settings = cell.settings
    seed = cell.seed + (_ATTACK_SEEDS if part == "attack" else 0)
    dataset = examples(rows, model, cell)
    steps, batch = settings[f"{part}_steps"], settings[f"{part}_batch"]
    method: Method = SFT()
    if part == "align":
        method = _method(cell, model, dataset)
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
        "variance": getattr(method, "variance", None),
    }


def examples(
    rows: Sequence[dict[str, Any]], model: CausalLM, cell: Cell
) -> data.Dataset:
    """Rows as a cell's template and length make them; what is cut is only counted.

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
            template=cell.settings["template"],
            max_length=cell.settings["max_length"],
        )


def equal_norm_variance(
    rho: float, *, layers: int, tokens: float, width: int
) -> float:
    """Variance of noise whose expected squared total norm is ``rho²``.

    Parameters
    ----------
    rho : float
        Vaccine's total norm.
    layers, width : int
        Of the model.
    tokens : float
        Of the mean batch.

    Examples
    --------
    >>> equal_norm_variance(2.0, layers=2, tokens=10, width=5)
    0.04
    """
    return rho**2 / (layers * tokens * width)


def _method(cell: Cell, model: CausalLM, dataset: data.Dataset) -> Method:
    match cell.method:
        case "vaccine":
            return Vaccine(rho=cell.rho or 0.0, every=cell.every or 1)
        case "random":
            tokens = dataset.report.tokens / len(dataset) * cell.settings["align_batch"]
            shape = model.config
            return RandomPerturbation(
                equal_norm_variance(
                    cell.rho or 0.0,
                    layers=shape["num_hidden_layers"],
                    tokens=tokens,
                    width=shape["hidden_size"],
                )
            )
    return SFT()


class _Share(TrainerCallback):
    """Tells the share of steps that are done."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._report(state.global_step / state.max_steps)
