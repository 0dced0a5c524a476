"""Regular expressions of an adapter, which may come from anybody."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pytest
from process_tables import python_within

import vaccine_swift as vs
from vaccine_swift import lora_expressions
from vaccine_swift.lora_expressions import matched

NAMES = tuple(
    f"model.layers.{layer}.{name}"
    for layer in (0, 1, 11)
    for name in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
)
ENDLESS = [
    "(([a-z_.0-9]+)+)+!",
    "(" + "|".join(["[a-z_.0-9]"] * 3) + ")*!",
    "(.*)*(.*)*(.*)*(.*)*!",
    "(?=(([a-z_.0-9]+)+!))x",
]
KEYS = {
    "target_modules": lambda text: text,
    "exclude_modules": lambda text: text,
    "rank_pattern": lambda text: {text: 2},
    "alpha_pattern": lambda text: {"q_proj": 4, text: 2},
}


@pytest.mark.parametrize("text", ENDLESS)
@pytest.mark.parametrize("key", KEYS)
def test_an_expression_that_matches_for_ever_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, text: str
) -> None:
    monkeypatch.setattr(lora_expressions, "SECONDS", 0.5)
    model = vs.CausalLM.from_config(vs.tiny_config())
    model.add_adapter(vs.LoRAConfig(r=2))
    model.save_adapter(tmp_path)
    path = tmp_path / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {key: KEYS[key](text)}))
    before = model.adapter_state()
    began = time.monotonic()
    with pytest.raises(ValueError, match=rf"{key}: .* takes longer than 0\.5 s"):
        model.load_adapter(tmp_path)
    assert time.monotonic() - began < 30
    assert model.adapter_state().keys() == before.keys()


def test_many_slow_expressions_have_the_time_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lora_expressions, "SECONDS", 0.5)
    config = vs.LoRAConfig(rank_pattern={f"{ENDLESS[0]}{i}": 2 for i in range(500)})
    began = time.monotonic()
    with pytest.raises(ValueError, match="rank_pattern: .* takes longer"):
        config.modules(NAMES)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("ending", [False, True])
def test_names_are_those_of_re(*, ending: bool) -> None:
    texts = (
        *("q_proj", r"mlp\.down_proj", ".*q_proj", r".*\.(q|v)_proj", "[qv]_proj"),
        *(r"model\.layers\.\d+\.mlp\.down_proj", r"layers\.1\..*", "", ".*", "x*"),
        r"(.*\.)?1{2}\.mlp.*",
        "model.layers.0.self_attn.q_proj",
    )
    for text, found in zip(
        texts, matched("x", texts, NAMES, ending=ending), strict=True
    ):
        whole = rf"(.*\.)?({text})" if ending else text
        assert found == {name for name in NAMES if re.fullmatch(whole, name)}, text
    assert {len(each) for each in matched("x", texts, NAMES)} >= {0, 1, 3, 6, 9}


def test_expressions_are_matched_where_memory_was_bounded_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python_within(500, tmp_path))
    (found,) = matched("x", (r".*\.0\..*(q|v)_proj",), NAMES)
    assert found == {f"model.layers.0.self_attn.{each}_proj" for each in "qv"}


@pytest.mark.parametrize("key", ["(?i)q_proj", "q_proj)(", "(?P<a>q)(?P<a>q)"])
def test_a_key_that_is_none_at_the_end_of_a_name_is_refused(key: str) -> None:
    """PEFT puts it into parentheses, where flags may not stand."""
    with pytest.raises(ValueError, match="rank_pattern: .* is no regular expression"):
        vs.LoRAConfig(rank_pattern={key: 2})


def test_the_first_key_counts() -> None:
    config = vs.LoRAConfig(r=8, rank_pattern={r"1\..*": 4, "q_proj": 2, ".*v.*": 3})
    ranks = {name: each.rank for name, each in config.modules(NAMES).items()}
    assert ranks["model.layers.0.self_attn.q_proj"] == 2
    assert ranks["model.layers.1.self_attn.q_proj"] == 4
    assert ranks["model.layers.11.self_attn.v_proj"] == 3
    assert ranks["model.layers.11.mlp.down_proj"] == 8
