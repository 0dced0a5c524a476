"""Settings of an adapter: normal forms and refusals by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

import vaccine_swift as vs

SEVEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def test_defaults_are_pefts_on_all_seven_projections() -> None:
    config = vs.LoRAConfig()
    assert (config.r, config.lora_alpha, config.lora_dropout) == (8, 8, 0.0)
    assert config.target_modules == SEVEN
    assert vs.LoRAConfig(target_modules="all-linear") == config


def test_targets_are_kept_in_order_of_computation_without_repeats() -> None:
    targets = ["down_proj", "mlp.up_proj", "q_proj", "self_attn.q_proj"]
    config = vs.LoRAConfig(target_modules=targets)
    assert config.target_modules == ("q_proj", "up_proj", "down_proj")


def test_scale_is_alpha_over_rank_and_alpha_need_not_be_whole() -> None:
    assert vs.LoRAConfig(r=8, lora_alpha=0.5).scale == 0.0625


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"r": 0}, ValueError, "r must be at least 1"),
        ({"r": -1}, ValueError, "r must be at least 1"),
        ({"r": 1.5}, TypeError, "r must be an int, got 1.5"),
        ({"r": True}, TypeError, "r must be an int, got True"),
        ({"lora_alpha": 0}, ValueError, "lora_alpha must be above 0, got 0"),
        ({"lora_alpha": math.nan}, ValueError, "lora_alpha must be above 0, got nan"),
        ({"lora_alpha": math.inf}, ValueError, "lora_alpha must be above 0, got inf"),
        ({"lora_alpha": "4"}, TypeError, "lora_alpha must be a number, got '4'"),
        ({"lora_dropout": 0.6}, ValueError, "lora_dropout must be at least 0 and at m"),
        ({"lora_dropout": -0.1}, ValueError, "lora_dropout"),
        ({"target_modules": ["qproj"]}, ValueError, "Did you mean 'q_proj'?"),
        ({"target_modules": ["lm_head"]}, ValueError, "got 'lm_head'"),
        ({"target_modules": ["mlp.q_proj"]}, ValueError, "got 'mlp.q_proj'"),
        ({"target_modules": ["layers.0.q_proj"]}, ValueError, "layers.0.q_proj"),
        ({"target_modules": ".*_proj"}, ValueError, "regular expressions are not"),
        ({"target_modules": []}, ValueError, "at least one module"),
        ({"target_modules": [3]}, TypeError, "must hold strings, got 3"),
        ({"target_modules": 3}, TypeError, "must be a list of names, got 3"),
    ],
)
def test_bad_settings_are_refused_by_name(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        vs.LoRAConfig(**options)
    assert words in str(caught.value)
