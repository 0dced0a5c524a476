"""SmolLM3's layers without positions, and its windows."""

from __future__ import annotations

from typing import Any

import pytest

import vaccine_swift as vs
from vaccine_swift.families import core_configuration


def test_smollm3_turns_the_layers_that_its_list_or_its_interval_says() -> None:
    config = vs.tiny_config(model_type="smollm3", num_hidden_layers=5)
    assert core_configuration(config)["rotary_layers"] == [1, 1, 1, 0, 1]
    assert core_configuration(config)["rotary_base"] == config["rope_theta"]
    by_default = {key: v for key, v in config.items() if not key.startswith("rope")}
    assert core_configuration(by_default)["rotary_base"] == 2e6
    found = core_configuration(config | {"no_rope_layer_interval": 2})
    assert found["rotary_layers"] == [1, 0, 1, 0, 1]
    given = {"no_rope_layers": [0, 1, 1, 0, 0, 1]}
    windows = {"use_sliding_window": True, "sliding_window": 7}
    found = core_configuration(config | given | windows)
    assert found["rotary_layers"] == [0, 1, 1, 0, 0]
    assert found["windows"] == [7, 0, 0, 7, 7]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"no_rope_layers": [1]}, "at least num_hidden_layers = 2 entries"),
        ({"no_rope_layers": [1, 2]}, "must be a list of 0 and 1"),
        ({"no_rope_layers": "11"}, "must be a list of 0 and 1"),
        ({"no_rope_layer_interval": 0}, "no_rope_layer_interval must be at least 1"),
    ],
)
def test_faulty_lists_of_smollm3_are_named(changes: dict[str, Any], words: str) -> None:
    config = vs.tiny_config(model_type="smollm3") | changes
    with pytest.raises(ValueError, match=words):
        core_configuration(config)
