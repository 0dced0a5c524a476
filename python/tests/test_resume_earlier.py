"""Checkpoints that an earlier version wrote are gone on with.

``earlier_checkpoints`` holds, for each method, the second step of a run of four and the
adapter that the run ended with, as version 0.1 wrote them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import vaccine_swift as vs

EARLIER = Path(__file__).with_name("earlier_checkpoints")
CONFIG = vs.tiny_config(
    num_hidden_layers=2, vocab_size=32, hidden_size=16, intermediate_size=24
)
METHODS = {
    "sft": vs.SFT(),
    "vaccine": vs.Vaccine(rho=2.0, every=2),
    "random": vs.RandomPerturbation(0.01),
}


def rows() -> list[vs.Example]:
    generator = np.random.default_rng(0)
    result = []
    for _ in range(9):
        ids = generator.integers(0, 32, generator.integers(4, 10))
        labels = ids.copy()
        labels[:2] = -100
        result.append(vs.Example(ids, labels))
    return result


def trainer(output_dir: Path, method: vs.Method) -> vs.Trainer:
    model = vs.CausalLM.from_config(CONFIG, seed=0)
    adapter = vs.LoRAConfig(
        r=2, lora_alpha=4, lora_dropout=0.1, target_modules=["q_proj", "down_proj"]
    )
    model.add_adapter(adapter, seed=0)
    arguments = vs.TrainingArguments(
        output_dir,
        learning_rate=1e-2,
        max_steps=4,
        save_steps=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        disable_tqdm=True,
        report_to="none",
        seed=7,
    )
    return vs.Trainer(model, arguments, train_dataset=rows(), method=method)


@pytest.mark.parametrize("name", METHODS)
def test_an_earlier_checkpoint_ends_where_its_run_ended(name, tmp_path) -> None:
    shutil.copytree(EARLIER / name / "checkpoint-2", tmp_path / "checkpoint-2")
    run = trainer(tmp_path, METHODS[name])
    output = run.train(tmp_path / "checkpoint-2")
    assert output.global_step == 4
    expected = load_file(EARLIER / name / "adapter_at_4.safetensors")
    state = run.model.adapter_state()
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        # Another machine's kernels round otherwise.
        np.testing.assert_allclose(state[key], value, rtol=1e-3, atol=1e-5, err_msg=key)


def test_an_earlier_checkpoint_of_another_method_is_refused(tmp_path) -> None:
    shutil.copytree(EARLIER / "vaccine" / "checkpoint-2", tmp_path / "checkpoint-2")
    for method in (vs.SFT(), vs.Vaccine(rho=2.5, every=2)):
        with pytest.raises(ValueError, match="method was"):
            trainer(tmp_path, method).train(tmp_path / "checkpoint-2")


@pytest.mark.parametrize("name", METHODS)
def test_an_adapter_of_an_earlier_version_is_loaded(name: str) -> None:
    (folder,) = (EARLIER / name).glob("checkpoint-*")
    model = vs.CausalLM.from_config(CONFIG, seed=0)
    model.load_adapter(folder)
    saved = load_file(folder / "adapter_model.safetensors")
    loaded = model.adapter_state()
    assert set(loaded) == set(saved)
    assert all(np.array_equal(loaded[key], saved[key]) for key in saved)
    assert any(value.any() for value in loaded.values())
