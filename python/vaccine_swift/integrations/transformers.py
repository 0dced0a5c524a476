"""Vaccine's step for `transformers.Trainer`, and for trainers that derive from it.

Importing this module imports torch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from vaccine_swift._arguments import check_range
from vaccine_swift.engines.perturbations import LARGEST_RHO, NORM_EPSILON
from vaccine_swift.engines.torch.hooks import State, state_modules, visiting

__all__ = ["VaccineMixin"]

_SHARDED: Final = ("tp", "cp", "sp")
"""accelerate's parallelism within a sequence or a matrix."""
# What TRL's trainers count in `compute_loss`.
_COUNTS: Final = ("_metrics", "_total_train_tokens")


class VaccineMixin:
    """Two passes in place of one: the gradient under the worst small embedding drift.

    ::

        class VaccineTrainer(VaccineMixin, transformers.Trainer):
            pass

        VaccineTrainer(model=model, args=args, train_dataset=data, rho=2.0).train()

    The first pass gives g_l at every attention output, and no gradient of a weight; the
    trainer's own step is the second, with ε_l = rho · g_l / (‖(g_1 … g_L)‖₂ + 1e-7)
    added. Each micro-batch has an ε of norm `rho`; where accelerate runs several
    processes, the norm is that over all of them, of which one number is reduced.
    Accumulated gradients are left as they are, and so is what TRL's trainers count: the
    metrics are those of the second pass.

    Parameters
    ----------
    *args, **kwargs
        The trainer's.
    rho : float
        Total L2 norm of ε, 0 to 1e31.

    Raises
    ------
    TypeError, ValueError
        When `rho` is out of range, or what the trainer runs under is not supported:
        FSDP, DeepSpeed, tensor, context or sequence parallelism, several GPUs in one
        process, ``torch_compile``. Names it.

    References
    ----------
    Huang, Hu, Liu: Vaccine. arXiv:2402.01109, Algorithm 1.

    Examples
    --------
    >>> import tempfile, transformers
    >>> class VaccineTrainer(VaccineMixin, transformers.Trainer):
    ...     pass
    >>> sizes = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 24}
    >>> heads = {"num_hidden_layers": 2, "num_attention_heads": 4}
    >>> model = transformers.LlamaForCausalLM(
    ...     transformers.LlamaConfig(**sizes, **heads)
    ... )
    >>> args = transformers.TrainingArguments(
    ...     tempfile.mkdtemp(),
    ...     max_steps=3,
    ...     report_to="none",
    ...     save_strategy="no",
    ...     disable_tqdm=True,
    ...     dataloader_pin_memory=False,
    ... )
    >>> rows = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 8
    >>> trainer = VaccineTrainer(model=model, args=args, train_dataset=rows, rho=2.0)
    >>> trainer.remove_callback(transformers.PrinterCallback)
    >>> trainer.train().global_step
    3
    """

    def __init__(self, *args: Any, rho: float = 2.0, **kwargs: Any) -> None:
        check_range("rho", rho, minimum=0.0, maximum=LARGEST_RHO)
        super().__init__(*args, **kwargs)
        self.rho = float(rho)
        for name in _unsupported(self):
            raise ValueError(f"{name} must be off: VaccineMixin cannot run under it")

    def training_step(
        self, model: Any, inputs: Any, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of the second pass, whose gradient is added."""
        trainer: Any = self
        model.train()
        inputs = trainer._prepare_inputs(inputs)
        bare = trainer.accelerator.unwrap_model(model)
        modules = {
            place: module
            for place, module in state_modules(_base(bare)).items()
            if place[0] == "attention"
        }
        width = tuple(inputs["input_ids"].shape)
        gradients = self._attention_gradients(
            bare, inputs, num_items_in_batch, modules, width
        )
        squares = sum(
            torch.linalg.vector_norm(each, dtype=torch.float64).cpu() ** 2
            for each in gradients.values()
        )
        total = trainer.accelerator.reduce(
            torch.as_tensor(squares).to(trainer.args.device), reduction="sum"
        )
        factor = self.rho / (math.sqrt(float(total)) + NORM_EPSILON)

        def shifted(state: State, layer: int, value: torch.Tensor) -> torch.Tensor:
            return value + (gradients[state, layer] * factor).to(value.dtype)

        with visiting(modules, shifted, width):
            return super().training_step(model, inputs, num_items_in_batch)  # type: ignore[misc]

    def _attention_gradients(
        self, model: Any, inputs: Any, items: Any, modules: Any, width: Any
    ) -> dict[tuple[State, int], torch.Tensor]:
        trainer: Any = self
        outputs: dict[tuple[State, int], torch.Tensor] = {}

        def seen(state: State, layer: int, value: torch.Tensor) -> torch.Tensor:
            if layer == 0:
                value = value.detach().requires_grad_()
            outputs.setdefault((state, layer), value)
            return value

        with visiting(modules, seen, width), _uncounted(trainer):
            with trainer.compute_loss_context_manager():
                loss = trainer.compute_loss(model, inputs, num_items_in_batch=items)
            if not outputs:
                raise RuntimeError(
                    "model must let its modules' forward hooks run, which a compiled "
                    "one does not"
                )
            found = torch.autograd.grad(loss, list(outputs.values()))
        return {
            place: each.detach().float()
            for place, each in zip(outputs, found, strict=True)
        }


def _unsupported(trainer: Any) -> Iterator[str]:
    """What is on and cannot be."""
    for name in ("fsdp", "deepspeed"):
        if getattr(trainer, f"is_{name}_enabled", False):
            yield name
    accelerator = getattr(trainer, "accelerator", None)
    parallelism = getattr(accelerator, "parallelism_config", None)
    for name in _SHARDED:
        if getattr(parallelism, f"{name}_enabled", False):
            yield f"parallelism_config.{name}_size > 1"
    arguments = getattr(trainer, "args", None)
    if getattr(arguments, "n_gpu", 1) > 1:
        yield "DataParallel (start a process for each GPU, as torchrun does)"
    if getattr(arguments, "torch_compile", False):
        yield "torch_compile"


@contextmanager
def _uncounted(trainer: Any) -> Iterator[None]:
    """A context that leaves the trainer's own counts as they were."""
    kept = {
        name: copy.deepcopy(vars(trainer)[name])
        for name in _COUNTS
        if name in vars(trainer)
    }
    try:
        yield
    finally:
        vars(trainer).update(kept)


def _base(model: Any) -> Any:
    """The model of transformers below PEFT's."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
