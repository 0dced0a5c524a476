"""Models and adapters through the files of transformers and PEFT, both ways."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import golden
import numpy as np
import pytest

import vaccine_swift as vs

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
# Logits are near 1, from two layers in float32 on both sides.
CLOSE = 2e-6
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
MODELS = {
    "tied": {},
    "untied, biases": {
        "tie_word_embeddings": False,
        "attention_bias": True,
        "mlp_bias": True,
    },
    "llama3": {"rope_theta": 5e5, "rope_scaling": LLAMA3},
    "linear": {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "head_dim": {"head_dim": 16},
    "mistral": {"model_type": "mistral", "sliding_window": None},
}


@pytest.fixture(params=MODELS)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return vs.tiny_config(**MODELS[request.param])


def torch_model(oracle: SimpleNamespace, config: dict[str, Any]) -> Any:
    """A random model of transformers whose biases and norms are not trivial."""
    from transformers import AutoConfig, AutoModelForCausalLM

    oracle.torch.manual_seed(0)
    kinds = {k: v for k, v in config.items() if k != "model_type"}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(config["model_type"], **kinds)
    ).float()
    with oracle.torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(oracle.torch.randn_like(parameter) * 0.1)
    return model.eval()


def torch_logits(oracle: SimpleNamespace, model: Any) -> np.ndarray:
    with oracle.torch.no_grad():
        return model(oracle.torch.tensor([IDS])).logits[0].numpy()


@pytest.mark.parametrize("shard_size", ["5GB", "20KB"])
def test_a_directory_of_transformers_gives_its_logits(
    oracle: SimpleNamespace, config: dict[str, Any], tmp_path: Path, shard_size: str
) -> None:
    theirs = torch_model(oracle, config)
    theirs.save_pretrained(tmp_path, max_shard_size=shard_size)
    ours = vs.CausalLM.from_pretrained(tmp_path)
    expected = torch_logits(oracle, theirs)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kept", ["tensors", "parameters"])
def test_a_file_of_torch_save_gives_its_logits(
    oracle: SimpleNamespace, tmp_path: Path, dtype: str, kept: str
) -> None:
    theirs = torch_model(oracle, vs.tiny_config())
    theirs.config.save_pretrained(tmp_path)
    kind = getattr(oracle.torch, dtype)
    state = {
        name: oracle.torch.nn.Parameter(values.to(kind))
        if kept == "parameters"
        else values.to(kind)
        for name, values in theirs.state_dict().items()
    }
    oracle.torch.save(state, tmp_path / "pytorch_model.bin")
    theirs.load_state_dict(state)
    expected = torch_logits(oracle, theirs)
    scale = np.abs(expected).max()
    ours = vs.CausalLM.from_pretrained(tmp_path)
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)


def test_the_old_format_of_torch_save_is_refused_and_its_remedy_works(
    oracle: SimpleNamespace, tmp_path: Path
) -> None:
    theirs = torch_model(oracle, vs.tiny_config())
    theirs.config.save_pretrained(tmp_path)
    path = tmp_path / "pytorch_model.bin"
    oracle.torch.save(theirs.state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"before PyTorch 1\.6"):
        vs.CausalLM.from_pretrained(tmp_path)
    oracle.torch.save(oracle.torch.load(path, weights_only=True), path)
    assert vs.CausalLM.from_pretrained(tmp_path).logits(IDS).shape == (len(IDS), 128)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_files_are_widened_as_torch_does(
    oracle: SimpleNamespace, tmp_path: Path, dtype: str
) -> None:
    from transformers import AutoModelForCausalLM

    half = torch_model(oracle, vs.tiny_config()).to(getattr(oracle.torch, dtype))
    half.save_pretrained(tmp_path)
    ours = vs.CausalLM.from_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=oracle.torch.float32)
    expected = torch_logits(oracle, theirs.eval())
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)


@pytest.mark.parametrize("shard_bytes", [5_000_000_000, 20_000])
def test_transformers_reads_what_is_saved_with_equal_logits(
    oracle: SimpleNamespace, config: dict[str, Any], tmp_path: Path, shard_bytes: int
) -> None:
    from transformers import AutoModelForCausalLM

    ours = vs.CausalLM.from_config(config, seed=3)
    ours.save_pretrained(tmp_path, max_shard_bytes=shard_bytes)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert theirs.dtype == oracle.torch.float32
    expected = torch_logits(oracle, theirs)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)


def randomised(ours: vs.CausalLM) -> None:
    generator = np.random.default_rng(1)
    for name, values in ours.adapter_state().items():
        ours._model.write("adapter", name, generator.normal(0, 0.3, values.shape))


@pytest.mark.parametrize("alpha", [16, 0.5])
@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "down_proj"]])
def test_peft_reads_a_saved_adapter_with_equal_logits(
    oracle: SimpleNamespace, tmp_path: Path, alpha: float, targets: Any
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ours = vs.CausalLM.from_config(vs.tiny_config(), seed=3)
    ours.save_pretrained(tmp_path / "base")
    ours.add_adapter(vs.LoRAConfig(r=4, lora_alpha=alpha, target_modules=targets))
    randomised(ours)
    ours.save_adapter(tmp_path / "adapter")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    plain = torch_logits(oracle, base.eval())
    theirs = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    expected = torch_logits(oracle, theirs)
    scale = np.abs(expected).max()
    assert np.abs(expected - plain).max() / scale > 1e-3
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)
    merged = torch_logits(oracle, theirs.merge_and_unload())
    ours.merge_adapter()
    np.testing.assert_allclose(ours.logits(IDS) / scale, merged / scale, atol=5 * CLOSE)


@pytest.mark.parametrize(
    "targets", ["all-linear", ["v_proj", "q_proj"], ["self_attn.k_proj", "up_proj"]]
)
def test_an_adapter_that_peft_saved_gives_its_logits(
    oracle: SimpleNamespace, tmp_path: Path, targets: Any
) -> None:
    from peft import LoraConfig, get_peft_model

    base = torch_model(oracle, vs.tiny_config())
    base.save_pretrained(tmp_path / "base")
    theirs = get_peft_model(
        base,
        LoraConfig(r=4, lora_alpha=6, target_modules=targets, task_type="CAUSAL_LM"),
    )
    with oracle.torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.3)
    theirs.save_pretrained(tmp_path / "adapter")
    expected = torch_logits(oracle, theirs.eval())
    ours = vs.CausalLM.from_pretrained(tmp_path / "base")
    ours.load_adapter(tmp_path / "adapter")
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)


PER_MODULE: dict[str, dict[str, Any]] = {
    "rank-stabilised": {"use_rslora": True},
    "ranks": {"rank_pattern": {"v_proj": 2, r"layers\.1\.mlp\.down_proj": 7}},
    "scales": {"alpha_pattern": {"q_proj": 3, "1.self_attn.v_proj": 0.5}},
    "ranks and scales, rank-stabilised": {
        "rank_pattern": {"q_proj": 2, ".*down_proj": 1},
        "alpha_pattern": {"down_proj": 5},
        "use_rslora": True,
    },
    "an expression": {"target_modules": r".*\.[01]\.(self_attn\.[qk]|mlp\.up)_proj"},
    "excluded": {"exclude_modules": ["v_proj", "layers.0.mlp.down_proj"]},
    "excluded by an expression": {"exclude_modules": r".*\.0\..*_proj"},
    "a layer": {"layers_to_transform": [1]},
    "a layer by its number": {"layers_to_transform": 0, "layers_pattern": "layers"},
}


@pytest.mark.parametrize("options", PER_MODULE.values(), ids=PER_MODULE)
def test_adapters_with_settings_for_each_module_compute_and_train_as_in_peft(
    oracle: SimpleNamespace, tmp_path: Path, options: dict[str, Any]
) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    base = torch_model(oracle, vs.tiny_config())
    base.save_pretrained(tmp_path / "base")
    settings = {"r": 4, "lora_alpha": 6, "task_type": "CAUSAL_LM"} | options
    settings.setdefault("target_modules", ["q_proj", "v_proj", "down_proj"])
    theirs = get_peft_model(base, LoraConfig(**settings))
    with oracle.torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.3)
    theirs.save_pretrained(tmp_path / "adapter")
    ours = vs.CausalLM.from_pretrained(tmp_path / "base")
    ours.load_adapter(tmp_path / "adapter")
    expected = torch_logits(oracle, theirs.eval())
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.logits(IDS) / scale, expected / scale, atol=CLOSE)

    step = oracle.step.step(
        oracle.step.as_float64(theirs), [(np.array(IDS), np.array(IDS))], rho=2.0
    )
    report = ours.forward_backward(vs.Batch.pack([vs.Example(IDS, IDS)]))
    assert report.loss == pytest.approx(step.loss, rel=1e-5)
    golden.assert_states_agree(ours.gradients(), step.gradients, 1e-4)

    ours.save_adapter(tmp_path / "again")
    again = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "again"
    )
    found = torch_logits(oracle, again.eval())
    np.testing.assert_allclose(found / scale, expected / scale, atol=CLOSE)
    merged = torch_logits(oracle, again.merge_and_unload())
    ours.merge_adapter()
    np.testing.assert_allclose(ours.logits(IDS) / scale, merged / scale, atol=5 * CLOSE)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("lora_bias", True),
        ("modules_to_save", ["lm_head"]),
    ],
)
def test_options_of_peft_that_are_not_implemented_are_refused_by_name(
    oracle: SimpleNamespace, tmp_path: Path, option: str, value: Any
) -> None:
    from peft import LoraConfig, get_peft_model

    base = torch_model(oracle, vs.tiny_config())
    options = {"r": 4, "target_modules": ["q_proj"], option: value}
    get_peft_model(base, LoraConfig(**options)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=option):
        vs.CausalLM.from_config(vs.tiny_config()).load_adapter(tmp_path)
