"""What a training run is told: names and defaults of transformers 5."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, fields
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, get_args

from vaccine_swift._arguments import check_range, check_word, checked_path
from vaccine_swift.files.plain_json import json_text
from vaccine_swift.training._spellings import any_spelling, default_of
from vaccine_swift.training._transformers_names import ONE_PROCESS
from vaccine_swift.training.schedule import Schedule

__all__ = ["TrainingArguments"]

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "eval_strategy": ("no", "steps", "epoch"),
    "logging_strategy": ("no", "steps", "epoch"),
    "save_strategy": ("no", "steps", "epoch", "best"),
    "lr_scheduler_type": get_args(Schedule),
    "optim": ("adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw"),
}
_OPTIONAL: Final = ("data_seed", "save_total_limit")
_REPORTS: Final = ("jsonl", "none")
_COUNT: Final = {"minimum": 1, "integer": True}
_SEED: Final = {"minimum": 0, "maximum": 2**63 - 1, "integer": True}
_BOUNDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "learning_rate": {"minimum": 0.0, "float32": True},
    "weight_decay": {"minimum": 0.0, "float32": True},
    "max_grad_norm": {"minimum": 0.0},
    "eval_delay": {"minimum": 0.0},
    "adam_beta1": {"minimum": 0.0, "below": 1.0},
    "adam_beta2": {"minimum": 0.0, "below": 1.0},
    "adam_epsilon": {"above": 0.0, "float32": True},
    "num_train_epochs": {"above": 0.0},
    "max_steps": {"minimum": -1, "integer": True},
    "per_device_train_batch_size": _COUNT,
    "per_device_eval_batch_size": _COUNT,
    "gradient_accumulation_steps": _COUNT,
    "save_total_limit": {"minimum": 0, "integer": True},
    "seed": _SEED,
    "data_seed": _SEED,
}


@any_spelling
@dataclass(frozen=True)
class TrainingArguments:
    """Settings of a `Trainer`, named as in transformers and with its defaults.

    Old spellings (``evaluation_strategy``, ``warmup_ratio``,
    ``per_gpu_train_batch_size``) stand for today's. All keywords of transformers are
    accepted at their defaults. Those that cannot change a result here
    (``logging_dir``, ``no_cuda``, ``ddp_timeout``, ``dataloader_num_workers``, …) have
    no effect at any value; the others (``bf16=True``, ``label_smoothing_factor=0.1``,
    …) are refused. Either can be read from the object, as callbacks do.

    Parameters
    ----------
    output_dir : path
        Where checkpoints, ``log.jsonl`` and ``trainer_state.json`` go.
    learning_rate : float
        Peak of the schedule, 0 to 1e6.
    weight_decay : float
        Decoupled decay on every adapter matrix, ≥ 0; times the learning rate at most
        1, which takes the whole of a weight.
    adam_beta1, adam_beta2 : float
        Decay rates of AdamW's moments, in [0, 1).
    adam_epsilon : float
        Added to AdamW's denominator, > 0.
    max_grad_norm : float
        The global norm of the gradients is clipped to this; 0 for no clipping.
    num_train_epochs : float
        Passes over the data, > 0; a fraction ends within a pass.
    max_steps : int
        Optimiser steps; where positive, it takes precedence over `num_train_epochs`.
    per_device_train_batch_size, per_device_eval_batch_size : int
        Examples of a (micro-)batch, ≥ 1.
    gradient_accumulation_steps : int
        Micro-batches of an optimiser step, ≥ 1. Each weighs by its supervised tokens,
        so that SFT learns what one large batch would teach it. Vaccine perturbs each
        micro-batch by a total norm of rho of its own.
    lr_scheduler_type : {"linear", "cosine", "constant", "constant_with_warmup"}
        "constant" has no warm-up, whatever `warmup_steps` says.
    warmup_steps : int or float
        Steps of linear warm-up from 0; a number in (0, 1) is a share of all steps.
    optim : {"adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw"}
        All of them name the one AdamW.
    logging_strategy, eval_strategy : {"no", "steps", "epoch"}
        When to log the training loss and when to evaluate.
    logging_steps, eval_steps, save_steps : int or float
        Period in steps; a number in (0, 1) is a share of all steps. `eval_steps` of
        None takes `logging_steps`.
    logging_first_step : bool
        Log step 1 too.
    eval_on_start : bool
        Evaluate before the first step.
    eval_delay : float
        No evaluation before this many steps or epochs, ≥ 0.
    save_strategy : {"no", "steps", "epoch", "best"}
        When to write a checkpoint; "best": at each evaluation that improves.
    save_total_limit : int, optional
        Checkpoints to keep; the oldest goes first, the best never. 0 or None: all.
    seed : int
        Of dropout, random perturbation and, without `data_seed`, shuffling; ≥ 0.
    data_seed : int, optional
        Of shuffling, ≥ 0.
    dataloader_drop_last : bool
        Leave out the last batch of an epoch where it is not full.
    load_best_model_at_end : bool
        Finish with the adapter of the best evaluation. A new best is always saved.
    metric_for_best_model : str, optional
        A metric of `Trainer.evaluate`, with or without ``eval_``; "loss" if None and
        one is needed.
    greater_is_better : bool, optional
        Direction of that metric; None: false for a name that ends in "loss".
    disable_tqdm : bool
        Print log lines in place of a progress bar.
    report_to : str or sequence of str
        "jsonl" (``log.jsonl`` in `output_dir`) or "none".

    Raises
    ------
    TypeError
        When a name is unknown or a value has the wrong type.
    ValueError
        When a value is out of range or asks for what is not implemented.

    Examples
    --------
    >>> TrainingArguments("out", evaluation_strategy="epoch").eval_strategy
    'epoch'
    >>> TrainingArguments("out", learning_rat=1e-3)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    TypeError: ... has no argument 'learning_rat'. Did you mean 'learning_rate'?
    """

    output_dir: str | PathLike[str] = "trainer_output"
    _: KW_ONLY
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    max_grad_norm: float = 1.0
    num_train_epochs: float = 3.0
    max_steps: int = -1
    per_device_train_batch_size: int = 8
    per_device_eval_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    lr_scheduler_type: Schedule = "linear"
    warmup_steps: float = 0
    optim: str = "adamw_torch"
    logging_strategy: str = "steps"
    logging_steps: float = 500
    logging_first_step: bool = False
    eval_strategy: str = "no"
    eval_steps: float | None = None
    eval_on_start: bool = False
    eval_delay: float = 0.0
    save_strategy: str = "steps"
    save_steps: float = 500
    save_total_limit: int | None = None
    seed: int = 42
    data_seed: int | None = None
    dataloader_drop_last: bool = False
    load_best_model_at_end: bool = False
    metric_for_best_model: str | None = None
    greater_is_better: bool | None = None
    disable_tqdm: bool = False
    report_to: str | Sequence[str] = "jsonl"

    def __post_init__(self) -> None:
        checked_path("output_dir", self.output_dir)
        self._set("output_dir", os.fsdecode(self.output_dir))
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            word = getattr(value, "value", value)  # of an enum of transformers
            check_word(name, word, choices, quoted=True)
            self._set(name, str(word))
        self._set("report_to", _reports(self.report_to))
        for each in fields(self):
            value = getattr(self, each.name)
            if each.type == "bool" and not isinstance(value, bool):
                raise TypeError(f"{each.name} must be True or False, got {value!r}")
        for name, bounds in _BOUNDS.items():
            self._number(name, **bounds)
        if self.max_steps == 0:
            raise ValueError("max_steps must be at least 1, or -1 for none, got 0")
        self._settle_steps()
        self._settle_best()

    def _settle_steps(self) -> None:
        if self.eval_steps is None:
            self._set("eval_steps", self.logging_steps)
        for name in ("logging_steps", "eval_steps", "save_steps"):
            self._steps(name, minimum=1)
        self._steps("warmup_steps", minimum=0)

    def _settle_best(self) -> None:
        wanted = self.load_best_model_at_end or self.save_strategy == "best"
        if wanted and self.eval_strategy == "no":
            raise ValueError(
                "eval_strategy must be 'steps' or 'epoch' with load_best_model_at_end "
                "or save_strategy='best', got 'no'"
            )
        if self.load_best_model_at_end and self.save_strategy == "no":
            raise ValueError(
                "save_strategy must not be 'no' with load_best_model_at_end"
            )
        if wanted and self.metric_for_best_model is None:
            self._set("metric_for_best_model", "loss")
        metric = self.metric_for_best_model
        if metric is not None and (not isinstance(metric, str) or not metric):
            raise TypeError(f"metric_for_best_model must be a name, got {metric!r}")
        if not isinstance(self.greater_is_better, bool | None):
            raise TypeError(
                f"greater_is_better must be True, False or None, "
                f"got {self.greater_is_better!r}"
            )
        if self.greater_is_better is None and metric is not None:
            self._set("greater_is_better", not metric.endswith("loss"))

    def _number(self, name: str, **bounds: Any) -> None:
        """Check a number and keep it as Python's own int or float."""
        value = getattr(self, name)
        if value is None and name in _OPTIONAL:
            return
        check_range(name, value, **bounds)
        self._set(name, int(value) if isinstance(value, Integral) else float(value))

    def _steps(self, name: str, *, minimum: int) -> None:
        """Check a whole number of at least `minimum`, or a share in (0, 1)."""
        self._number(name, minimum=0.0)
        value = getattr(self, name)
        if not (0 < value < 1 or (value >= minimum and value == int(value))):
            raise ValueError(
                f"{name} must be a whole number of at least {minimum} or a share in "
                f"(0, 1), got {value!r}"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def steps_of(self, name: str, total_steps: int) -> int:
        """One of the ``…_steps`` settings in steps; a share is rounded up.

        Parameters
        ----------
        name : str
            "warmup_steps", "logging_steps", "eval_steps" or "save_steps".
        total_steps : int
            Optimiser steps of the whole run.
        """
        value = getattr(self, name)
        return math.ceil(total_steps * value) if 0 < value < 1 else int(value)

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, ready for JSON."""
        return asdict(self)

    def to_json_string(self) -> str:
        """All settings as JSON, as transformers' callbacks write them down."""
        return json_text(self.to_dict(), indent=2)

    def to_sanitized_dict(self) -> dict[str, Any]:
        """All settings as numbers, text and switches, for a tracker's table."""
        return {
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in self.to_dict().items()
        }

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What transformers' callbacks may ask for and has no effect here."""
            unused = self.__dict__.get("_unused", {})
            value = unused.get(name, ONE_PROCESS.get(name, default_of(name)))
            if value is ... or name.startswith("__"):
                raise AttributeError(f"TrainingArguments has no attribute {name!r}")
            return value


def _reports(value: str | Sequence[str] | None) -> tuple[str, ...]:
    names = value if isinstance(value, list | tuple) else [value]
    for name in names:
        if not (name is None or (isinstance(name, str) and name in _REPORTS)):
            raise ValueError(
                f"report_to must be 'jsonl' or 'none', got {name!r}; another service "
                f"takes a callback with on_log"
            )
    return ("jsonl",) if "jsonl" in names else ()
