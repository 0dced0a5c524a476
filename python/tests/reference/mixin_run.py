"""Trains by `VaccineMixin` on as many processes as there are.

Rank 0 does the same steps with the Swift engine and prints the largest relative error
of an adapter's matrix.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "reference"), str(Path(__file__).parent)]

import golden  # noqa: E402
import numpy as np  # noqa: E402
import tiny_models  # noqa: E402
import torch  # noqa: E402
import torch_oracle  # noqa: E402
import transformers  # noqa: E402
from random_cases import packed, random_case  # noqa: E402

import vaccine_swift as vs  # noqa: E402
from vaccine_swift.integrations.transformers import VaccineMixin  # noqa: E402

RHO, STEPS, RATE = 2.0, 3, 1e-3


class VaccineTrainer(VaccineMixin, transformers.Trainer):
    """Remembers its batches."""

    taken: ClassVar[list[Any]] = []

    def training_step(self, model: Any, inputs: Any, items: Any = None) -> Any:
        fields = (inputs[name] for name in ("input_ids", "labels", "attention_mask"))
        self.taken.append(
            [
                [each[mask.bool()].numpy().astype(np.int32) for each in (ids, labels)]
                for ids, labels, mask in zip(*fields, strict=True)
            ]
        )
        return super().training_step(model, inputs, items)


def collated(rows: Any) -> dict[str, Any]:
    batch = torch_oracle.PaddedBatch.of(rows)
    return {
        "input_ids": batch.input_ids,
        "labels": batch.labels,
        "attention_mask": batch.mask,
    }


def main(output: str, family: str, accumulation: int) -> None:
    rank, size = (
        int(os.environ.get(n, d)) for n, d in (("RANK", 0), ("WORLD_SIZE", 1))
    )
    case = random_case(
        SimpleNamespace(torch=torch, step=torch_oracle, models=tiny_models), 0, family
    )
    model = case.torch_model.float()
    arguments = transformers.TrainingArguments(
        output,
        max_steps=STEPS,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=accumulation,
        learning_rate=RATE,
        weight_decay=0.1,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        remove_unused_columns=False,
        disable_tqdm=True,
        ddp_backend="gloo" if size > 1 else None,
    )
    trainer = VaccineTrainer(
        model=model,
        args=arguments,
        train_dataset=case.sequences(16, 12),
        data_collator=collated,
        rho=RHO,
    )
    trainer.train()
    shares: list[Any] = [trainer.taken]
    if size > 1:
        shares = [None] * size
        torch.distributed.all_gather_object(shares, trainer.taken)
    if rank == 0:
        batches = [
            packed([pair for part in parts for pair in part])
            for parts in zip(*shares, strict=True)
        ]
        follow(case.model, batches, accumulation)
        ours, theirs = case.model.adapter_state(), torch_oracle.adapter_state(model)
        print(max(golden.relative_error(theirs[name], ours[name]) for name in ours))


def follow(model: vs.CausalLM, batches: list[vs.Batch], accumulation: int) -> None:
    """The same steps by the Swift engine."""
    optimiser = model.engine.adamw(
        beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.1
    )
    for step in range(STEPS):
        group = batches[accumulation * step : accumulation * (step + 1)]
        total = sum(batch.supervised for batch in group)
        model.zero_gradients()
        for batch in group:
            share = batch.supervised / total
            model.forward_backward(batch, vs.Vaccine(rho=RHO), weight=share)
        optimiser.step(model.core, RATE * (STEPS - step) / STEPS, 1.0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
