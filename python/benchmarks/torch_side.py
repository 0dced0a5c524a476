"""The rival: the authors' Vaccine trainer on today's transformers and PEFT.

A port of `VaccineTrainer.training_step` (git-disl/Vaccine, commit 8937f68,
`trainer.py`): backward hooks keep the gradient of every attention output, forward hooks
add the scaled perturbation through `.data`, and gradients are zeroed between the two
passes. What changed since is followed: `.cuda()` is gone, attention modules are found
by today's class. Batches are padded on the right to the longest sequence, with an
attention mask, as the authors' collator makes them. The loop around it is bare:
transformers' Trainer would only add time.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import process
import torch
import workload
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM


class AttentionHooks:
    """The authors' hooks: gradients in, perturbations out."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.modules = [
            module
            for module in model.modules()
            if type(module).__name__.endswith("Attention")
        ]

    def record(self, gradients: dict[Any, torch.Tensor]) -> list[Any]:
        """Keep the gradient of each attention output in `gradients`."""

        def hook(module: torch.nn.Module, _inputs: Any, outputs: Any) -> None:
            gradients[module] = outputs[0].detach().clone()

        return [module.register_full_backward_hook(hook) for module in self.modules]

    def perturb(self, perturbations: dict[Any, torch.Tensor]) -> list[Any]:
        """Add the perturbation to each attention output."""

        def hook(module: torch.nn.Module, _inputs: Any, output: Any) -> Any:
            output[0].data = output[0] + perturbations[module]
            return output

        return [module.register_forward_hook(hook) for module in self.modules]


def vaccine_step(
    model: Any, inputs: dict[str, torch.Tensor], rho: float, cast: Any
) -> float:
    """Both passes; leaves the second gradient in `.grad`, returns the second loss."""
    hooks = AttentionHooks(model)
    gradients: dict[Any, torch.Tensor] = {}
    handles = hooks.record(gradients)
    with cast():
        loss = model(**inputs).loss
    loss.backward()
    for handle in handles:
        handle.remove()
    norm = torch.norm(torch.stack([g.norm(2) for g in gradients.values()]), 2)
    scale = rho / (norm + 1e-7)
    perturbations = {module: g * scale for module, g in gradients.items()}
    model.zero_grad()
    handles = hooks.perturb(perturbations)
    with cast():
        loss = model(**inputs).loss
    loss.backward()
    for handle in handles:
        handle.remove()
    return loss.detach().item()


def sft_step(
    model: Any, inputs: dict[str, torch.Tensor], _rho: float, cast: Any
) -> float:
    """One plain pass."""
    with cast():
        loss = model(**inputs).loss
    loss.backward()
    return loss.detach().item()


def collate(batch: list[workload.Sequence], pad_id: int) -> dict[str, torch.Tensor]:
    """Right padding to the longest sequence of the batch."""
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad([torch.tensor(s.input_ids).long() for s in batch], True, pad_id)
    labels = pad([torch.tensor(s.labels).long() for s in batch], True, workload.IGNORED)
    lengths = torch.tensor([len(s.input_ids) for s in batch])
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    return {"input_ids": ids, "labels": labels, "attention_mask": mask.long()}


def load(directory: Path, dtype: torch.dtype) -> Any:
    """The model of a directory, with the adapter in float32 as PEFT keeps it.

    It is random where there is a configuration alone.
    """
    if any(directory.glob("*.safetensors")):
        base = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype)
    else:
        config = AutoConfig.from_pretrained(directory)
        base = AutoModelForCausalLM.from_config(config, dtype=dtype)
    config = LoraConfig(
        r=workload.RANK,
        lora_alpha=workload.ALPHA,
        lora_dropout=workload.DROPOUT,
        target_modules=list(workload.TARGETS),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config).train()


def main() -> None:
    """Run one method and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a Hugging Face directory")
    parser.add_argument("--method", choices=["vaccine", "sft"], default="vaccine")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "autocast"], default="float32"
    )
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="batch to begin with")
    parser.add_argument("--steps", type=int, help="how many; None: all")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(43)
    imported = process.memory("VmRSS")
    started = time.perf_counter()
    precision = torch.bfloat16 if arguments.dtype == "bfloat16" else torch.float32
    model = load(arguments.model, precision)
    loaded = time.perf_counter() - started
    if arguments.compile:
        model.compile(dynamic=True)
    cast: Any = nullcontext
    if arguments.dtype != "float32":

        def cast() -> Any:
            return torch.autocast("cpu", torch.bfloat16)

    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=workload.LEARNING_RATE, weight_decay=workload.WEIGHT_DECAY
    )
    step = vaccine_step if arguments.method == "vaccine" else sft_step
    seconds, busy, losses = [], [], []
    batches = workload.batches(model.config.vocab_size)[arguments.first :]
    for batch in batches[: arguments.steps]:
        begin, begin_busy = time.perf_counter(), time.process_time()
        inputs = collate(batch, pad_id=0)
        model.zero_grad()
        losses.append(step(model, inputs, workload.RHO, cast))
        torch.nn.utils.clip_grad_norm_(parameters, workload.MAX_GRAD_NORM)
        optimiser.step()
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - begin_busy)
    process.report(
        {
            "step_seconds": seconds,
            "processor_seconds": busy,
            "losses": losses,
            "load_seconds": loaded,
            "imported_mib": imported,
            "peak_mib": process.memory("VmHWM"),
            "versions": versions(),
        }
    )


def versions() -> dict[str, str]:
    """What the rival is made of."""
    import peft
    import transformers

    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
    }


if __name__ == "__main__":
    main()
