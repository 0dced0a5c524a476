"""Models of the torch engine beside those of the Swift engine, and what is equal."""

from __future__ import annotations

import os
from typing import Any

import golden
import pytest

import vaccine_swift as vs

DEVICE = os.environ.get("VACCINE_DEVICE", "cpu")


def by_torch(model: vs.CausalLM, lora: vs.LoRAConfig, **options: Any) -> vs.CausalLM:
    """The same model and adapter in the torch engine."""
    twin = vs.CausalLM.from_config(
        model.config, engine="torch", device=DEVICE, **options
    )
    weights = {name: model._read("weight", name) for name in model._shapes("weight")}
    golden.write_weights(twin, weights)
    twin.add_adapter(lora)
    golden.write_adapter(twin, model.adapter_state())
    return twin


def assert_close(ours: Any, theirs: Any, place: str) -> None:
    """Equal but for rounding, and for what tells of the run itself."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            if key in ("seconds", "date", "study", "engine", "device", "cell"):
                continue
            if key in ("environment", "origin", "stages", "settings"):
                continue
            assert_close(value, theirs[key], f"{place}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), place
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_close(*pair, f"{place}[{index}]")
    elif isinstance(ours, float):
        assert theirs == pytest.approx(ours, rel=1e-3, abs=1e-5, nan_ok=True), place
    else:
        assert ours == theirs, place
