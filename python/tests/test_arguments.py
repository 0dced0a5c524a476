"""TrainingArguments: names, defaults, spellings, bad values."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from vaccine_swift import TrainingArguments
from vaccine_swift.training._spellings import ALIASES, IGNORED, ONLY


def test_defaults_are_those_of_transformers() -> None:
    args = TrainingArguments("out")
    expected = {
        "learning_rate": 5e-5,
        "weight_decay": 0.0,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "max_grad_norm": 1.0,
        "num_train_epochs": 3.0,
        "max_steps": -1,
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
        "logging_strategy": "steps",
        "logging_steps": 500,
        "eval_strategy": "no",
        "save_strategy": "steps",
        "save_steps": 500,
        "save_total_limit": None,
        "seed": 42,
        "data_seed": None,
        "disable_tqdm": False,
    }
    assert {name: getattr(args, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("old", "value", "name"),
    [
        ("evaluation_strategy", "epoch", "eval_strategy"),
        ("per_gpu_train_batch_size", 5, "per_device_train_batch_size"),
        ("per_gpu_eval_batch_size", 5, "per_device_eval_batch_size"),
        ("warmup_ratio", 0.1, "warmup_steps"),
    ],
)
def test_an_old_spelling_means_the_new_one(old: str, value: object, name: str) -> None:
    assert getattr(TrainingArguments("out", **{old: value}), name) == value
    with pytest.raises(TypeError, match=f"{name} is given twice, once as {old}"):
        TrainingArguments("out", **{name: value, old: value})


def test_the_settings_of_the_authors_scripts_are_understood() -> None:
    args = TrainingArguments(
        output_dir="out",
        num_train_epochs=50,
        per_device_train_batch_size=5,
        per_device_eval_batch_size=5,
        gradient_accumulation_steps=1,
        evaluation_strategy="steps",
        eval_steps=5000,
        save_strategy="steps",
        save_steps=100000,
        save_total_limit=0,
        learning_rate=1e-3,
        weight_decay=0.1,
        warmup_ratio=0.1,
        lr_scheduler_type="cosine",
        logging_steps=1,
        tf32=False,
    )
    assert args.steps_of("warmup_steps", 20_000) == 2_000


@pytest.mark.parametrize(
    ("value", "total", "steps"),
    [(0, 100, 0), (7, 100, 7), (7.0, 100, 7), (0.1, 100, 10), (0.1, 101, 11)],
)
def test_a_warm_up_below_one_is_a_share(value: float, total: int, steps: int) -> None:
    args = TrainingArguments("out", warmup_steps=value)
    assert args.steps_of("warmup_steps", total) == steps


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("learning_rat", "learning_rate"),
        ("eval_stratgy", "eval_strategy"),
        ("warmup_ration", "warmup_ratio"),
        ("bf_16", "bf16"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(TypeError) as caught:
        TrainingArguments("out", **{name: 1})
    assert str(caught.value).startswith(f"TrainingArguments has no argument {name!r}.")
    assert f"Did you mean {nearest!r}?" in str(caught.value)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_a_name_without_meaning_here_changes_nothing(name: str) -> None:
    assert TrainingArguments("out", **{name: "anything"}) == TrainingArguments("out")


@pytest.mark.parametrize("name", sorted(ONLY))
def test_a_name_with_another_meaning_is_accepted_at_its_default_only(name: str) -> None:
    accepted, reason = ONLY[name]
    for value in accepted:
        assert TrainingArguments("out", **{name: value}) == TrainingArguments("out")
    with pytest.raises(ValueError, match=f"^{name} must be .*{reason}.*got 'other'$"):
        TrainingArguments("out", **{name: "other"})


def test_bfloat16_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"bf16 must be False \(.*float32\), got True"):
        TrainingArguments("out", bf16=True)
    with pytest.raises(ValueError, match="label_smoothing_factor must be 0.0 .*0.1"):
        TrainingArguments("out", label_smoothing_factor=0.1)


def test_an_array_for_a_choice_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="^adafactor must be False .*got array"):
        TrainingArguments("out", adafactor=np.zeros(2))


BAD_VALUES = [
    ("learning_rate", -1e-3),
    ("learning_rate", math.nan),
    ("learning_rate", "fast"),
    ("weight_decay", -0.1),
    ("adam_beta1", 1.0),
    ("adam_beta2", -0.1),
    ("adam_epsilon", 0.0),
    ("max_grad_norm", -1.0),
    ("max_grad_norm", math.inf),
    ("num_train_epochs", 0),
    ("max_steps", 0),
    ("max_steps", -2),
    ("max_steps", 1.5),
    ("per_device_train_batch_size", 0),
    ("per_device_eval_batch_size", True),
    ("gradient_accumulation_steps", 0),
    ("lr_scheduler_type", "polynomial"),
    ("warmup_steps", -1),
    ("warmup_steps", 1.5),
    ("optim", "sgd"),
    ("logging_strategy", "sometimes"),
    ("logging_steps", 0),
    ("eval_strategy", None),
    ("eval_steps", 2.5),
    ("save_strategy", "never"),
    ("save_steps", -3),
    ("save_total_limit", -1),
    ("seed", -1),
    ("seed", 2**63),
    ("data_seed", 0.5),
    ("dataloader_drop_last", 1),
    ("disable_tqdm", "yes"),
    ("report_to", "wandb"),
    ("report_to", ["jsonl", "tensorboard"]),
    ("eval_delay", -1),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
        TrainingArguments("out", **{name: value})


def test_a_misspelt_choice_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'cosine'"):
        TrainingArguments("out", lr_scheduler_type="cosin")


@pytest.mark.parametrize("name", ["adamw_torch", "adamw_torch_fused", "adamw_hf"])
def test_every_spelling_of_adamw_is_accepted(name: str) -> None:
    assert TrainingArguments("out", optim=name).optim == name


def test_eval_steps_follow_logging_steps() -> None:
    assert TrainingArguments("out", logging_steps=7).eval_steps == 7


@pytest.mark.parametrize(
    ("metric", "greater"), [(None, False), ("eval_loss", False), ("accuracy", True)]
)
def test_the_best_model_is_the_one_of_least_loss_unless_told(metric, greater) -> None:
    args = TrainingArguments(
        "out",
        load_best_model_at_end=True,
        eval_strategy="epoch",
        metric_for_best_model=metric,
    )
    assert args.metric_for_best_model == (metric or "loss")
    assert args.greater_is_better is greater


def test_the_best_model_needs_evaluations_and_checkpoints() -> None:
    with pytest.raises(ValueError, match="eval_strategy must be"):
        TrainingArguments("out", load_best_model_at_end=True)
    with pytest.raises(ValueError, match="eval_strategy must be"):
        TrainingArguments("out", save_strategy="best")
    with pytest.raises(ValueError, match="save_strategy must not be 'no'"):
        TrainingArguments(
            "out",
            load_best_model_at_end=True,
            eval_strategy="steps",
            save_strategy="no",
        )


def test_arguments_are_frozen_and_can_be_replaced() -> None:
    args = TrainingArguments("out", warmup_ratio=0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        args.seed = 1  # type: ignore[misc]
    changed = dataclasses.replace(args, seed=1)
    assert (changed.seed, changed.warmup_steps) == (1, 0.1)


def test_numbers_of_numpy_and_paths_survive_json() -> None:
    args = TrainingArguments(
        Path("out"), learning_rate=np.float32(0.5), seed=np.int64(3), logging_steps=10
    )
    assert json.loads(json.dumps(args.to_dict()))["learning_rate"] == 0.5
    assert TrainingArguments(**args.to_dict()) == args


def test_the_names_of_no_table_overlap() -> None:
    names = {field.name for field in dataclasses.fields(TrainingArguments)}
    tables = [names, set(ALIASES), set(ONLY), set(IGNORED)]
    assert sum(map(len, tables)) == len(set().union(*tables))
    assert set(ALIASES.values()) <= names
