"""A run that goes on to another number of steps."""

from __future__ import annotations

import json
import math
import re
import shutil

import pytest
from test_resume import run_of
from training_support import saved_steps

import vaccine_swift as vs


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_longer_max_steps_goes_on_with_the_longer_schedule(
    tmp_path, schedule
) -> None:
    short = run_of(tmp_path, max_steps=4, lr_scheduler_type=schedule, warmup_ratio=0.5)
    short.train()
    shutil.rmtree(tmp_path / "checkpoint-4")
    shutil.rmtree(tmp_path / "checkpoint-3")
    rates: list[float] = []

    class Rates(vs.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            rates.append(kwargs["metrics"]["learning_rate"])

    def longer() -> vs.Trainer:
        return run_of(
            tmp_path,
            max_steps=10,
            lr_scheduler_type=schedule,
            warmup_ratio=0.5,
            callbacks=[Rates()],
        )

    with pytest.warns(UserWarning, match="max_steps is 10, was 4: from step 3 on the"):
        longer().train(resume_from_checkpoint=True)
    # Warm-up of 2 steps, as the run began; decay over the 8 others.
    shares = [step / 8 for step in range(8)]
    if schedule == "linear":
        expected = [1e-2 * (1 - share) for share in shares]
    else:
        expected = [5e-3 * (1 + math.cos(math.pi * share)) for share in shares]
    assert rates == pytest.approx(expected, rel=1e-12)
    # Going on with the longer run is no change any more.
    shutil.rmtree(tmp_path / "checkpoint-10")
    rates.clear()
    longer().train(resume_from_checkpoint=True)
    assert rates == pytest.approx(expected[-1:], rel=1e-12)


def test_checkpoints_of_the_shorter_schedule_are_kept_apart(tmp_path) -> None:
    run_of(tmp_path, max_steps=4).train()
    longer = run_of(tmp_path, max_steps=8)
    with (
        pytest.warns(UserWarning, match="max_steps is 8, was 4: from step 3 on"),
        pytest.warns(UserWarning, match="another run or schedule than"),
    ):
        longer.train(resume_from_checkpoint=tmp_path / "checkpoint-2")
    assert saved_steps(tmp_path / "earlier-1") == [3, 4]
    assert saved_steps(tmp_path) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_shorter_max_steps_is_refused(tmp_path) -> None:
    run_of(tmp_path, max_steps=4).train()
    shutil.rmtree(tmp_path / "checkpoint-4")
    with pytest.raises(ValueError, match=r"\(in steps\) was 4, is 3"):
        run_of(tmp_path, max_steps=3).train(
            resume_from_checkpoint=tmp_path / "checkpoint-2"
        )


@pytest.mark.parametrize("length", ["4", [4], {}, None])
def test_a_length_that_is_none_is_a_difference(tmp_path, length) -> None:
    run_of(tmp_path, max_steps=2).train()
    path = tmp_path / "checkpoint-2"
    (path / "SHA256SUMS").unlink()
    file = path / "training_args.json"
    content = json.loads(file.read_text())
    del content["id"]
    name = next(key for key in content["run"] if key.startswith("max_steps"))
    content["run"][name] = length
    file.write_text(json.dumps(content))
    told = re.escape(f"(in steps) was {length!r}, is 3")
    with pytest.raises(ValueError, match=told):
        run_of(tmp_path, max_steps=3).train(resume_from_checkpoint=path)
