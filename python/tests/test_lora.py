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


NAMES = [
    f"model.layers.{layer}.{module}"
    for layer in (0, 1, 10)
    for module in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
]


def test_patterns_and_layers_choose_modules_as_in_peft() -> None:
    config = vs.LoRAConfig(
        r=4,
        lora_alpha=8,
        use_rslora=True,
        target_modules=["q_proj", "down_proj"],
        exclude_modules=["0.mlp.down_proj"],
        layers_to_transform=[0, 10],
        rank_pattern={"down_proj": 16, r".*10\..*": 1},
        alpha_pattern={"10.self_attn.q_proj": 3},
    )
    found = {name[13:]: tuple(module) for name, module in config.modules(NAMES).items()}
    # "0.mlp.down_proj" is also the end of nothing else: layer 10 has "10.mlp…".
    assert found == {
        "0.self_attn.q_proj": (4, 4.0),
        "10.self_attn.q_proj": (1, 3.0),
        "10.mlp.down_proj": (16, 2.0),
    }


def test_the_default_targets_are_those_that_a_model_has() -> None:
    config = vs.LoRAConfig()
    assert list(config.modules(NAMES)) == NAMES
    with pytest.raises(ValueError, match="no module 'k_proj'; it has q_proj, v_proj"):
        vs.LoRAConfig(target_modules=["q_proj", "k_proj"]).modules(NAMES)
    with pytest.raises(ValueError, match="no module of the model is among"):
        vs.LoRAConfig(target_modules=".*out_proj").modules(NAMES)


def test_a_regular_expression_must_match_the_whole_name() -> None:
    config = vs.LoRAConfig(target_modules=r".*\.1\..*")
    assert list(config.modules(NAMES)) == NAMES[3:6]
    with pytest.raises(ValueError, match="no module of the model"):
        vs.LoRAConfig(target_modules="q_proj").modules(NAMES)


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
        ({"target_modules": ".*(proj"}, ValueError, "is no regular expression"),
        ({"use_rslora": 1}, TypeError, "use_rslora must be true or false"),
        ({"rank_pattern": {"q_proj": 1.5}}, TypeError, "rank_pattern['q_proj'] must b"),
        ({"rank_pattern": {3: 1}}, TypeError, "rank_pattern must have strings"),
        ({"alpha_pattern": 3}, TypeError, "alpha_pattern must be a mapping, got 3"),
        ({"exclude_modules": 3}, TypeError, "exclude_modules must be a list"),
        ({"exclude_modules": "["}, ValueError, "exclude_modules: '[' is no regular"),
        ({"layers_to_transform": [-1]}, ValueError, "layers_to_transform must be at l"),
        ({"layers_to_transform": 1.5}, TypeError, "layers_to_transform must be a list"),
        (
            {"layers_to_transform": [1], "target_modules": ".*q_proj"},
            ValueError,
            "layers_to_transform needs a list of target_modules",
        ),
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
