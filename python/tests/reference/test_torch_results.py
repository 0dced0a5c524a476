"""What is made with the torch engine is what the Swift engine makes.

`VACCINE_DEVICE` names another device than the CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from random_cases import random_case
from study_support import tiny_study, write_study_model
from torch_twins import DEVICE, assert_close

import vaccine_swift as vs
from vaccine_swift import study

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]


def test_files_adapters_and_drift_are_the_same(oracle, tmp_path) -> None:
    case = random_case(oracle, 5)
    model = case.model
    model.save_adapter(tmp_path / "adapter")
    adapter = model.adapter
    model.remove_adapter()
    model.save_pretrained(tmp_path / "base")
    other = vs.CausalLM.from_pretrained(
        tmp_path / "base", engine="torch", device=DEVICE
    )
    assert other.num_parameters == model.num_parameters
    for each in (model, other):
        each.load_adapter(tmp_path / "adapter")
    assert other.adapter == model.adapter
    data = [vs.Example(*pair) for pair in case.sequences(8, 20)]
    reports = []
    for engine in ("swift", "torch"):
        base = vs.CausalLM.from_pretrained(
            tmp_path / "base",
            engine=engine,
            device="cpu" if engine == "swift" else DEVICE,
        )
        adapted = {"swift": model, "torch": other}[engine]
        reports.append(vs.drift.compare(base, adapted, data, pool="mean").report())
    first, second = (each.to_dict() for each in reports)
    for ours, theirs in zip(first["layers"], second["layers"], strict=True):
        assert_close(ours, theirs, "layers")
    ids = data[0].input_ids
    np.testing.assert_allclose(other.logits(ids), model.logits(ids), rtol=0, atol=1e-4)
    other.save_adapter(tmp_path / "again")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        both = [(tmp_path / part / name).read_bytes() for part in ("adapter", "again")]
        if name.endswith("safetensors"):
            assert both[0] == both[1]
    for each in (model, other):
        each.merge_adapter()
    np.testing.assert_allclose(other.logits(ids), model.logits(ids), rtol=0, atol=1e-4)
    assert adapter is not None


@pytest.mark.parametrize("preset", ["tiny", "smoke"])
def test_the_same_study_comes_of_both(tmp_path, preset: str) -> None:
    made = tiny_study if preset == "tiny" else smoke_study
    model = write_study_model(tmp_path / "model")
    results = {
        engine: study.run(
            made(
                model,
                engine=engine,
                device=None if engine == "swift" else DEVICE,
                dtype="float32",
                dropout=0.0,
            ),
            tmp_path / engine,
        )
        for engine in ("swift", "torch")
    }
    rows = [list(result.rows) for result in results.values()]
    assert len(rows[0]) == len(rows[1]) > 0
    for ours, theirs in zip(*rows, strict=True):
        assert_close(dict(ours), dict(theirs), "row")


def smoke_study(model: Path, **changes: Any) -> study.StudyConfig:
    """The preset, with a rank that the tiny model has room for."""
    return study.preset("smoke", model=str(model), rank=2, **changes)


def test_drift_of_models_that_a_caller_holds_is_that_of_ours(oracle) -> None:
    case = random_case(oracle, 0)
    held, base = case.torch_model.float(), vs.CausalLM.from_config(case.model.config)
    weights = {
        name: case.model._read("weight", name) for name in base._shapes("weight")
    }
    golden.write_weights(base, weights)
    data = [vs.Example(*pair) for pair in case.sequences(8, 20)]
    first = vs.drift.compare(base, case.model, data, pool="mean").report()
    second = vs.drift.compare(base, held, data, pool="mean").report()
    for ours, theirs in zip(
        first.to_dict()["layers"], second.to_dict()["layers"], strict=True
    ):
        assert_close(ours, theirs, "layers")
