"""Safe LoRA against its formulas on whole matrices, and its laws."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.checkpoints.peft import read_adapter, write_adapter
from vaccine_swift.cli import main
from vaccine_swift.repair import repair_adapter

ALIGNED = vs.LoRAConfig(r=3, lora_alpha=6, target_modules=["q_proj", "down_proj"])
USER = vs.LoRAConfig(r=2, lora_alpha=1, target_modules=["q_proj", "k_proj"])


def write(directory: Path, config: vs.LoRAConfig, seed: int) -> Path:
    """An adapter of a tiny model with random factors."""
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.add_adapter(config, seed=seed)
    rng = np.random.default_rng(seed)
    tensors = {
        name: rng.normal(size=value.shape).astype(np.float32)
        for name, value in model.adapter_state().items()
    }
    write_adapter(directory, config, tensors, base_model=None)
    return directory


@pytest.fixture
def adapters(tmp_path) -> tuple[Path, Path]:
    return write(tmp_path / "user", USER, 1), write(tmp_path / "aligned", ALIGNED, 2)


def products(directory: Path) -> dict[str, np.ndarray]:
    """B A of every module, without the scale."""
    _, source = read_adapter(directory)
    return {
        name.removesuffix(".lora_A.weight"): source.read(name.replace("_A", "_B"))
        @ source.read(name)
        for name in source.shapes
        if "lora_A" in name
    }


def projector(v: np.ndarray, projection: str) -> np.ndarray:
    """C of the paper, on whole matrices."""
    v = v.astype(np.float64)
    if projection == "authors":
        return v @ v.T / np.linalg.norm(v)
    return v @ np.linalg.pinv(v.T @ v, rcond=1e-8) @ v.T


@pytest.mark.parametrize("projection", ["exact", "authors"])
def test_updates_are_projected_as_in_the_paper(adapters, tmp_path, projection) -> None:
    user, aligned = adapters
    report = repair_adapter(
        user, aligned, tmp_path / "out", threshold=1, projection=projection
    )
    updates, moved, kept = map(products, (user, aligned, tmp_path / "out"))
    shared = [name for name in updates if name in moved]
    assert len(shared) == report.projected == 2
    for each in report.modules:
        if each.name not in moved:
            assert math.isnan(each.cosine)
            np.testing.assert_array_equal(kept[each.name], updates[each.name])
            continue
        scale = ALIGNED.scale  # of V, which the authors' C is not free of
        expected = projector(scale * moved[each.name], projection) @ updates[each.name]
        np.testing.assert_allclose(kept[each.name], expected, atol=2e-5 * scale * 10)
        cosine = (expected * updates[each.name]).sum() / (
            np.linalg.norm(expected) * np.linalg.norm(updates[each.name])
        )
        assert each.cosine == pytest.approx(cosine, rel=1e-6)


def test_a_threshold_chooses_by_the_cosine(adapters, tmp_path) -> None:
    user, aligned = adapters
    found = repair_adapter(user, aligned, tmp_path / "all", threshold=1).modules
    cosines = sorted(each.cosine for each in found if not math.isnan(each.cosine))
    middle = sum(cosines) / 2
    report = repair_adapter(user, aligned, tmp_path / "some", threshold=middle)
    assert [each.projected for each in report.modules] == [
        each.cosine <= middle for each in found
    ]
    assert report.projected == 1
    assert repair_adapter(user, aligned, tmp_path / "no", threshold=-1).projected == 0
    for name, value in products(user).items():
        np.testing.assert_array_equal(products(tmp_path / "no")[name], value)


def test_repairing_twice_is_repairing_once(adapters, tmp_path) -> None:
    user, aligned = adapters
    repair_adapter(user, aligned, tmp_path / "once", threshold=1)
    report = repair_adapter(tmp_path / "once", aligned, tmp_path / "twice", threshold=1)
    for each in report.modules:
        assert math.isnan(each.cosine) or each.cosine == pytest.approx(1, abs=1e-6)
    for name, value in products(tmp_path / "once").items():
        np.testing.assert_allclose(products(tmp_path / "twice")[name], value, atol=1e-5)


def test_an_update_along_the_alignment_stays(adapters, tmp_path) -> None:
    _, aligned = adapters
    report = repair_adapter(aligned, aligned, tmp_path / "out")
    assert report.projected == 0
    assert {round(each.cosine, 6) for each in report.modules} == {1.0}


def test_a_degenerate_alignment_is_a_space_of_less_directions(tmp_path) -> None:
    user, aligned = write(tmp_path / "user", USER, 1), tmp_path / "aligned"
    config, source = read_adapter(write(tmp_path / "whole", ALIGNED, 2))
    tensors = {name: source.read(name).copy() for name in source.shapes}
    for name, value in tensors.items():
        if "lora_B" in name:
            value[:, 1] = 2 * value[:, 0]
            value[:, 2] = 0
    write_adapter(aligned, config, tensors, base_model=None)
    repair_adapter(user, aligned, tmp_path / "out", threshold=1)
    (name,) = [n for n in products(user) if n in products(aligned) and ".0." in n]
    assert np.linalg.matrix_rank(products(tmp_path / "out")[name], tol=1e-4) == 1
    for value in tensors.values():
        value[:] = 0
    write_adapter(aligned, config, tensors, base_model=None)
    for projection in ("exact", "authors"):
        report = repair_adapter(
            user, aligned, tmp_path / projection, projection=projection
        )
        assert report.projected == 2
        assert not products(tmp_path / projection)[name].any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": 1.5}, "threshold must be at least -1 and at most 1"),
        ({"threshold": math.nan}, "threshold must be"),
        ({"projection": "exakt"}, "Did you mean 'exact'"),
        ({"alignment": "nowhere"}, "nowhere.*no such file"),
    ],
)
def test_bad_input_is_named(adapters, tmp_path, changes, words) -> None:
    user, aligned = adapters
    given = {"adapter": user, "alignment": aligned, "output": tmp_path / "out"}
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        repair_adapter(**{**given, **changes})
    assert not (tmp_path / "out").exists()


def test_adapters_of_other_models_are_refused(adapters, tmp_path) -> None:
    user, _ = adapters
    model = vs.CausalLM.from_config(vs.tiny_config(hidden_size=48), seed=0)
    model.add_adapter(ALIGNED)
    model.save_adapter(tmp_path / "other")
    with pytest.raises(ValueError, match=r"q_proj maps 48 to .* numbers, in .*user"):
        repair_adapter(user, tmp_path / "other", tmp_path / "out")


def test_the_command_repairs_and_asks_before_it_replaces(
    adapters, tmp_path, capsys
) -> None:
    user, aligned = adapters
    words = ["repair", "--adapter", user, "--alignment", aligned]
    words += ["--output-dir", tmp_path / "out", "--threshold", "1"]
    assert main([str(word) for word in words]) == 0
    assert "2 of 4 updates projected, mean cosine 0." in capsys.readouterr().out
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.load_adapter(tmp_path / "out")
    assert main([str(word) for word in words]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*map(str, words), "--overwrite"]) == 0
