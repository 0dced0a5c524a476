"""Trains by `VaccineMixin` on as many processes as there are.

The trainer is transformers' or TRL's. Rank 0 does the same steps with the Swift engine
and prints the largest relative error of an adapter's matrix, the tokens that were
trained on and those that were counted.
"""

from __future__ import annotations

import json
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
ROWS, PER_DEVICE = 16, 2


class Remembering:
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


def transformers_trainer(
    model: Any, rows: Any, output: str, **settings: Any
) -> transformers.Trainer:
    """With a collator of one's own."""

    class VaccineTrainer(Remembering, VaccineMixin, transformers.Trainer):
        pass

    arguments = transformers.TrainingArguments(
        output, remove_unused_columns=False, **settings
    )
    return VaccineTrainer(
        model=model, args=arguments, train_dataset=rows, data_collator=collated, rho=RHO
    )


def trl_trainer(
    model: Any, rows: Any, output: str, **settings: Any
) -> transformers.Trainer:
    """With TRL's own preparation, collator, loss and gradient checkpointing."""
    import datasets
    import tokenizers
    import trl

    class VaccineTrainer(Remembering, VaccineMixin, trl.SFTTrainer):
        pass

    words = {f"w{number}": number for number in range(model.config.vocab_size)}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(
            tokenizers.models.WordLevel(words, unk_token="w0")
        ),
        pad_token="w0",
        eos_token="w1",
    )
    return VaccineTrainer(
        model=model,
        args=trl.SFTConfig(output, **settings),
        train_dataset=datasets.Dataset.from_list(
            [{"input_ids": ids.tolist(), "labels": part.tolist()} for ids, part in rows]
        ),
        processing_class=tokenizer,
        rho=RHO,
    )


TRAINERS = {"transformers": transformers_trainer, "trl": trl_trainer}


def main(output: str, kind: str, family: str, accumulation: int) -> None:
    rank, size = (
        int(os.environ.get(n, d)) for n, d in (("RANK", 0), ("WORLD_SIZE", 1))
    )
    case = random_case(
        SimpleNamespace(torch=torch, step=torch_oracle, models=tiny_models), 0, family
    )
    model = case.torch_model.float()
    trainer = TRAINERS[kind](
        model,
        case.sequences(ROWS, 12),
        output,
        max_steps=STEPS,
        per_device_train_batch_size=PER_DEVICE,
        gradient_accumulation_steps=accumulation,
        learning_rate=RATE,
        lr_scheduler_type="linear",
        weight_decay=0.1,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        ddp_backend="gloo" if size > 1 else None,
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
        steps = grouped(batches, ROWS // PER_DEVICE // size, accumulation)
        follow(case.model, steps)
        ours, theirs = case.model.adapter_state(), torch_oracle.adapter_state(model)
        errors = [golden.relative_error(theirs[name], ours[name]) for name in ours]
        tokens = [sum(batch.tokens for batch in step) for step in steps]
        found = {
            "error": max(errors),
            "tokens": np.cumsum(tokens).tolist(),
            "counted": [each.get("num_tokens") for each in trainer.state.log_history],
        }
        print(json.dumps(found))


def grouped(
    batches: list[vs.Batch], of_an_epoch: int, accumulation: int
) -> list[list[vs.Batch]]:
    """The micro-batches of each step; an epoch's last has those that are left."""
    epochs = [
        batches[start : start + of_an_epoch]
        for start in range(0, len(batches), of_an_epoch)
    ]
    return [
        epoch[start : start + accumulation]
        for epoch in epochs
        for start in range(0, len(epoch), accumulation)
    ]


def follow(model: vs.CausalLM, steps: list[list[vs.Batch]]) -> None:
    """The same steps by the Swift engine."""
    optimiser = model.engine.adamw(
        beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.1
    )
    for number, step in enumerate(steps):
        total = sum(batch.supervised for batch in step)
        model.zero_gradients()
        for batch in step:
            share = batch.supervised / total
            model.forward_backward(batch, vs.Vaccine(rho=RHO), weight=share)
        optimiser.step(model.core, RATE * (STEPS - number) / STEPS, 1.0)


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
