"""A run to be killed: resumes where there is a checkpoint, saves after every step.

Usage: killed_run.py OUTPUT_DIR
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from training_support import examples, tiny_model, trainer

import vaccine_swift as vs


class Slow(vs.TrainerCallback):
    """Tells of every step and leaves time to be killed between them."""

    def on_step_end(self, args, state, control, **kwargs):
        print(state.global_step, flush=True)
        time.sleep(0.002)


def main(output_dir: Path) -> None:
    run = trainer(
        output_dir,
        model=tiny_model(dropout=0.1),
        data=examples(11),
        evaluation=examples(3, seed=1),
        callbacks=[Slow()],
        num_train_epochs=10,
        gradient_accumulation_steps=2,
        lr_scheduler_type="cosine",
        logging_steps=3,
        eval_strategy="epoch",
        save_strategy="steps",
        save_steps=1,
        save_total_limit=2,
        report_to="jsonl",
    )
    run.train(resume_from_checkpoint=any(output_dir.glob("checkpoint-*")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
