"""What goes wrong, said clearly, with nothing lost."""

from __future__ import annotations

import contextlib
import math
import resource
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from training_support import At, adapter_bytes, examples, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift.training.checkpoint import Checkpoint


def test_ctrl_c_leaves_the_last_complete_step(tmp_path) -> None:
    settings = {"lr_scheduler_type": "constant", "gradient_accumulation_steps": 2}
    whole = trainer(tmp_path, max_steps=2, **settings)
    whole.train()
    interrupt = At("on_substep_end", 2, lambda: signal.raise_signal(signal.SIGINT))
    broken = trainer(tmp_path, callbacks=[interrupt], **settings)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    assert broken.state.global_step == 2
    assert adapter_bytes(broken.model) == adapter_bytes(whole.model)
    broken.remove_callback(interrupt)
    assert broken.train().global_step == 3


def test_after_ctrl_c_a_second_run_is_as_good_as_a_first(tmp_path) -> None:
    settings = {"gradient_accumulation_steps": 2, "learning_rate": 0.0}
    interrupt = At("on_substep_end", 1, lambda: signal.raise_signal(signal.SIGINT))
    broken = trainer(tmp_path, callbacks=[interrupt], disable_tqdm=False, **settings)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    broken.remove_callback(interrupt)
    first = trainer(tmp_path, logging_steps=1, **settings).train()
    assert broken.train().training_loss == first.training_loss


def test_a_loss_that_is_not_finite_names_its_step(tmp_path) -> None:
    model = tiny_model()

    def blow_up() -> None:
        for name, value in model.adapter_state().items():
            model._model.write("adapter", name, np.full_like(value, 1e30))

    blow = At("on_step_end", 3, blow_up)
    run = trainer(
        tmp_path, model=model, callbacks=[blow], save_strategy="steps", save_steps=2
    )
    with pytest.raises(ValueError, match=r"^step 4: .*(layer|layers)"):
        run.train()
    assert all((value == 1e30).all() for value in model.adapter_state().values())
    assert not any(value.any() for value in model.gradients().values())
    Checkpoint.read(tmp_path / "checkpoint-2")
    resumed = trainer(tmp_path, model=model, save_strategy="steps", save_steps=2)
    resumed.train(resume_from_checkpoint=True)
    whole = trainer(tmp_path / "whole")
    whole.train()
    assert adapter_bytes(model) == adapter_bytes(whole.model)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Files cannot grow beyond 512 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_former_checkpoint(tmp_path) -> None:
    with contextlib.ExitStack() as stack:
        fill = At("on_step_end", 4, lambda: stack.enter_context(full_disk()))
        run = trainer(
            tmp_path,
            callbacks=[fill],
            save_strategy="steps",
            save_steps=2,
            save_total_limit=1,
        )
        with pytest.raises(OSError, match="could not write") as caught:
            run.train()
    assert str(tmp_path / "checkpoint-4") in str(caught.value)
    names = {entry.name for entry in tmp_path.iterdir()}
    assert "checkpoint-2" in names
    assert not any("unfinished" in name or "checkpoint-4" in name for name in names)
    resumed = trainer(tmp_path, save_strategy="steps", save_steps=2, save_total_limit=1)
    resumed.train(resume_from_checkpoint=True)
    whole = trainer(tmp_path / "whole")
    whole.train()
    assert adapter_bytes(resumed.model) == adapter_bytes(whole.model)


def test_a_log_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(OSError, match=r"log\.jsonl"):
        trainer(tmp_path).train()


def test_an_output_directory_that_is_a_file_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        trainer(tmp_path / "file").train()


def test_a_model_without_an_adapter_is_refused(tmp_path) -> None:
    model = tiny_model()
    model.remove_adapter()
    with pytest.raises(RuntimeError, match=r"no adapter, call model\.add_adapter"):
        trainer(tmp_path, model=model).train()


LONG = vs.Example([1] * 65, [1] * 65)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "_dataset must hold at least one Example, got none"),
        ([([1], [1])], TypeError, r"_dataset\[0\] must be an Example, got tuple"),
        (
            [*examples(2), vs.Example([1, 2], [-100, -100])],
            ValueError,
            r"_dataset\[2\] must supervise a token",
        ),
        ([vs.Example([1], [1])], ValueError, r"_dataset\[0\] must supervise a token"),
        (
            [*examples(1), LONG],
            ValueError,
            r"_dataset\[1\] must have at most 64 tokens, .* got 65",
        ),
        (
            [vs.Example([1, 32], [-100, 1])],
            ValueError,
            "_dataset must hold token ids below 32, .* got 32",
        ),
        (
            [vs.Example([1, 2], [-100, 40])],
            ValueError,
            "_dataset must hold token ids below 32, .* got 40",
        ),
    ],
)
def test_bad_data_is_refused_before_the_first_step(
    tmp_path, data, error, message
) -> None:
    run = trainer(tmp_path, data=data)
    before = adapter_bytes(run.model)
    with pytest.raises(error, match="train" + message):
        run.train()
    assert adapter_bytes(run.model) == before
    with pytest.raises(error, match="eval" + message):
        trainer(tmp_path, evaluation=data).evaluate()


def test_a_batch_beyond_memory_is_refused_before_the_first_step(tmp_path) -> None:
    run = trainer(tmp_path)

    def reserve(*args, **kwargs):
        raise MemoryError("needs 9 TB")

    run.model.reserve = reserve
    before = adapter_bytes(run.model)
    with pytest.raises(MemoryError, match="9 TB"):
        run.train()
    assert adapter_bytes(run.model) == before
    del run.model.reserve
    run.train()


def test_dropping_the_only_batch_is_refused(tmp_path) -> None:
    run = trainer(tmp_path, per_device_train_batch_size=13, dataloader_drop_last=True)
    with pytest.raises(ValueError, match="per_device_train_batch_size must be at most"):
        run.train()


def test_a_batch_larger_than_the_data_is_the_data(tmp_path) -> None:
    run = trainer(tmp_path, data=examples(2), per_device_train_batch_size=100)
    assert run.train().global_step == 1


def test_arguments_of_another_type_are_refused(tmp_path) -> None:
    with pytest.raises(TypeError, match="args must be TrainingArguments, got dict"):
        vs.Trainer(tiny_model(), {}, train_dataset=examples(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="method must be SFT, .* got str"):
        trainer(tmp_path, method="vaccine")


def test_evaluation_needs_data(tmp_path) -> None:
    with pytest.raises(ValueError, match="eval_dataset must be given with eval_strat"):
        trainer(tmp_path, eval_strategy="epoch")
    with pytest.raises(ValueError, match="eval_dataset must be given, got None"):
        trainer(tmp_path).evaluate()


def test_an_error_in_a_callback_closes_the_bar_and_comes_through(
    tmp_path, capsys
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    run = trainer(tmp_path, callbacks=[At("on_step_end", 2, fail)], disable_tqdm=False)
    with pytest.raises(ZeroDivisionError):
        run.train()
    assert capsys.readouterr().err.endswith("\n")
    assert math.isfinite(run.model.loss(vs.Batch.pack(examples(1)))[0])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"learning_rate": 2e6, "weight_decay": 0.0},
            r"^learning_rate must be at most 1e6, got 2e\+06$",
        ),
        (
            {"learning_rate": 20.0, "weight_decay": 0.1},
            "^learning_rate · weight_decay must be at most 1, got 20 · 0.1$",
        ),
        (  # at a third of its warm-up, of six steps
            {"learning_rate": 60.0, "weight_decay": 0.1, "warmup_steps": 6},
            "^learning_rate · weight_decay must be at most 1, got 20 · 0.1$",
        ),
        (
            {"learning_rate": 1e30, "lr_scheduler_type": "constant"},
            "^learning_rate must be at most 1e6, got 1e[+]30$",
        ),
    ],
)
def test_a_rate_that_a_later_step_would_refuse_is_refused_before_the_first(
    tmp_path, settings, told
) -> None:
    begun: list[int] = []
    run = trainer(
        tmp_path,
        max_steps=3,
        callbacks=[At("on_step_begin", 0, lambda: begun.append(0))],
        **{"lr_scheduler_type": "linear", **settings},
    )
    with pytest.raises(ValueError, match=told):
        run.train()
    with pytest.raises(ValueError, match=told):
        run.estimate()
    assert begun == []


def test_a_rate_that_no_step_reaches_is_not_refused(tmp_path) -> None:
    settings = {"learning_rate": 60.0, "weight_decay": 0.1, "warmup_steps": 100}
    run = trainer(tmp_path, max_steps=3, lr_scheduler_type="cosine", **settings)
    assert run.train().global_step == 3
