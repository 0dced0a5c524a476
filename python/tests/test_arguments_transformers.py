"""All of transformers' argument names, of this version and older ones."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

import vaccine_swift as vs
from vaccine_swift import TrainingArguments
from vaccine_swift.training._spellings import ALIASES, IGNORED, ONLY
from vaccine_swift.training._transformers_names import DEFAULTS, OLDER

# The only names whose default says something other than ours: an alias of AdamW, and
# no reports where ours writes log.jsonl.
_OWN = {"optim": "adamw_torch_fused", "report_to": ()}


@pytest.mark.parametrize(
    ("name", "default"), [*DEFAULTS.items(), *OLDER.items()], ids=str
)
def test_a_name_is_accepted_at_its_default(name: str, default: object) -> None:
    args = TrainingArguments(**{name: default})
    changed = {name: _OWN[name]} if name in _OWN else {}
    assert args.to_dict() == TrainingArguments().to_dict() | changed


def test_every_name_is_in_one_table() -> None:
    own = set(TrainingArguments().to_dict())
    for name in {**DEFAULTS, **OLDER}:
        assert sum(name in table for table in (own, ALIASES, IGNORED, ONLY)) == 1, name


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("bf16", True, "dtype='bfloat16'"),
        ("bf16_full_eval", True, "dtype='bfloat16'"),
        ("gradient_checkpointing", True, "none recomputed"),
        ("train_sampling_strategy", "group_by_length", "random order"),
        ("ignore_data_skip", True, "next batch"),
        ("resume_from_checkpoint", "out/checkpoint-1", "Trainer.train"),
        ("include_for_metrics", ["inputs"], "measures the loss"),
        ("debug", "underflow_overflow", "underflow"),
        ("accelerator_config", {"split_batches": True}, "one process"),
    ],
)
def test_what_would_change_a_result_is_refused(name, value, told) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*{told}"):
        TrainingArguments(**{name: value})


def test_callbacks_can_read_what_has_no_effect() -> None:
    args = TrainingArguments("out", run_name="mine", ddp_timeout=5)
    assert (args.run_name, args.ddp_timeout) == ("mine", 5)
    assert (args.hub_token, args.world_size, args.fp16) == (None, 1, False)
    assert args.project == "huggingface"
    with pytest.raises(AttributeError, match="no attribute 'learning_rat'"):
        _ = args.learning_rat
    assert args == TrainingArguments("out")
    for other in (copy.copy(args), pickle.loads(pickle.dumps(args))):
        assert other == args
        assert other.run_name == "mine"


def test_arguments_and_configuration_as_json_text() -> None:
    args = TrainingArguments("out", learning_rate=1e-3)
    assert json.loads(args.to_json_string())["learning_rate"] == 1e-3
    table = args.to_sanitized_dict()
    assert table["learning_rate"] == 1e-3
    assert table["save_total_limit"] == "None"
    config = vs.CausalLM.from_config(vs.tiny_config()).config
    assert config == vs.tiny_config()
    assert json.loads(config.to_json_string()) == vs.tiny_config()
    assert type(config.to_dict()) is dict
