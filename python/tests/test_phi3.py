"""Phi-3 beyond its golden file: lengths around the original context, fused maps."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import checkpoint_files as files
import golden
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.checkpoints.gguf import GGUFFile
from vaccine_swift.families import core_configuration

CASE = golden.load("phi3")
ORIGINAL = CASE.config["original_max_position_embeddings"]
IDS = (np.arange(40) * 7 % 61).astype(np.int32)


def changed(**changes: Any) -> dict[str, Any]:
    """The golden configuration with other values."""
    return copy.deepcopy(CASE.config) | changes


def with_factors(key: str, factors: list[float]) -> vs.CausalLM:
    config = changed()
    config["rope_scaling"][key] = factors
    model = vs.CausalLM.from_config(config)
    golden.write_weights(model, CASE.group("weight"))
    return model


def test_the_length_of_a_sequence_chooses_the_factors_of_all_its_positions() -> None:
    usual = with_factors("long_factor", [2.0, 4.5, 9.0])
    long = with_factors("long_factor", [2.0, 4.5, 7.0])
    short = with_factors("short_factor", [1.0, 1.25, 3.0])
    within, beyond = IDS[:ORIGINAL], IDS[: ORIGINAL + 1]
    np.testing.assert_array_equal(long.logits(within), usual.logits(within))
    np.testing.assert_array_equal(short.logits(beyond), usual.logits(beyond))
    assert np.abs(short.logits(within) - usual.logits(within))[1:].max() > 0
    assert np.abs(long.logits(beyond) - usual.logits(beyond))[1].max() > 0


@pytest.mark.parametrize("length", [ORIGINAL, ORIGINAL + 1, ORIGINAL + 5])
def test_a_loss_is_of_the_whole_sequence_though_its_last_token_predicts_nothing(
    length: int,
) -> None:
    model = CASE.model()
    ids = IDS[:length]
    for supervised in (1, 3):
        labels = np.where(np.arange(length) <= supervised, ids, -100).astype(np.int32)
        batch = vs.Batch.pack([vs.Example(ids, labels), vs.Example(IDS[:3], IDS[:3])])
        logits = model.logits(ids).astype(np.float64)
        other = model.logits(IDS[:3]).astype(np.float64)
        picked = [(logits[t], ids[t + 1]) for t in range(supervised)]
        picked += [(other[t], IDS[t + 1]) for t in range(2)]
        losses = [np.log(np.exp(z).sum()) - z[target] for z, target in picked]
        report = model.forward_backward(batch, vs.SFT())
        assert report.loss == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_gradient_does_not_depend_on_the_sequences_beside_it() -> None:
    model = CASE.model()
    short, long = (vs.Example(IDS[:n], IDS[:n]) for n in (ORIGINAL - 1, ORIGINAL + 6))

    def gradients(*examples: vs.Example) -> dict[str, np.ndarray]:
        model.zero_gradients()
        model.forward_backward(vs.Batch.pack(list(examples)), vs.SFT())
        return model.gradients()

    tokens = [ORIGINAL - 2, ORIGINAL + 5]
    alone = [gradients(short), gradients(long)]
    together = gradients(short, long)
    expected = {
        name: (tokens[0] * alone[0][name] + tokens[1] * alone[1][name]) / sum(tokens)
        for name in together
    }
    golden.assert_states_agree(together, expected, 1e-5)


def test_generation_that_outgrows_the_original_context_reads_all_again() -> None:
    model = CASE.model()
    prompts = [IDS[:3], IDS[: ORIGINAL - 1], IDS[:ORIGINAL], IDS[: ORIGINAL + 1]]
    found = model.generate_ids(prompts, 12, end_tokens=[])
    for prompt, tokens in zip(prompts, found, strict=True):
        ids = list(prompt)
        for token in tokens:
            assert token == int(np.argmax(model.logits(ids)[-1]))
            ids.append(token)
        assert model.generate_ids([prompt], 12, end_tokens=[]) == [tokens]


def test_fused_maps_have_one_adapter_each() -> None:
    model = vs.CausalLM.from_config(changed())
    model.add_adapter(vs.LoRAConfig(r=2))
    assert model.adapter is not None
    assert model.adapter.target_modules == (
        *("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    )
    shapes = {
        ".".join(name.split(".")[-4:-1]): values.shape
        for name, values in model.adapter_state().items()
        if ".layers.0." in name
    }
    assert shapes["self_attn.qkv_proj.lora_B"] == (40, 2)
    assert shapes["mlp.gate_up_proj.lora_B"] == (80, 2)
    assert len(shapes) == 8
    model.remove_adapter()
    with pytest.raises(ValueError, match="no module 'q_proj'; it has qkv_proj, o_proj"):
        model.add_adapter(vs.LoRAConfig(target_modules=["q_proj"]))


def test_the_scale_is_that_of_the_paper_or_the_one_given() -> None:
    fields = core_configuration(changed())
    # √(1 + ln(64 / 8) / ln 8) = √2
    assert fields["rotary_scale"] == pytest.approx(2**0.5)
    assert fields["rotary_size"] == 6
    scaling = CASE.config["rope_scaling"]
    for change, scale in (
        ({"attention_factor": 1.5}, 1.5),
        ({"factor": 1.0}, 1.0),
        ({"factor": 8.0}, 2**0.5),
    ):
        fields = core_configuration(changed(rope_scaling=scaling | change))
        assert fields["rotary_scale"] == pytest.approx(scale)
    for kind in ("su", "yarn"):
        old = {key: v for key, v in scaling.items() if key != "rope_type"}
        old["type"] = kind
        assert core_configuration(changed(rope_scaling=old)) == core_configuration(
            changed()
        )


def test_gguf_factors_come_in_pairs_and_tell_a_scale_of_their_own(
    tmp_path: Path,
) -> None:
    weights = CASE.group("weight")
    scale = {"phi3.rope.scaling.attn_factor": 1.25}
    path = files.write_gguf(tmp_path / "a.gguf", changed(), weights, metadata=scale)
    found = GGUFFile(path).config
    assert found["rope_scaling"]["attention_factor"] == 1.25
    assert found["partial_rotary_factor"] == 0.75
    plain = changed(rope_scaling=None, sliding_window=None)
    path = files.write_gguf(tmp_path / "b.gguf", plain, weights)
    found = GGUFFile(path).config
    assert "rope_scaling" not in found
    assert "sliding_window" not in found
    factors = {"rope_factors_long.weight": np.ones(3, np.float32)}
    path = files.write_gguf(tmp_path / "c.gguf", plain, weights, extra=factors)
    with pytest.raises(ValueError, match=r"missing tensors: rope_factors_short"):
        GGUFFile(path)
    factors = {"rope_freqs.weight": np.full(3, 2.0, np.float32)}
    path = files.write_gguf(tmp_path / "d.gguf", changed(), weights, extra=factors)
    with pytest.raises(ValueError, match=r"beside rope scaling"):
        GGUFFile(path)


@pytest.mark.parametrize("quantization", ["F32", "Q8_0"])
def test_blocks_compute_what_the_numbers_do(quantization: str, tmp_path: Path) -> None:
    config = changed(hidden_size=96, intermediate_size=64, num_attention_heads=12)
    config["num_key_value_heads"] = 4
    model = vs.CausalLM.from_config(config, seed=1)
    weights = {name: model._read("weight", name) for name in model._shapes("weight")}
    path = files.write_gguf(
        tmp_path / "m.gguf", config, weights, quantization=quantization
    )
    numbers, blocks = (
        vs.CausalLM.from_pretrained(path, dtype=dtype) for dtype in ("float32", "gguf")
    )
    for length in (ORIGINAL, 30):
        expected = numbers.logits(IDS[:length])
        found = blocks.logits(IDS[:length])
        assert golden.relative_error(found, expected) < 1e-5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rope_scaling": {"type": "linear", "factor": 2}}, "got 'linear'"),
        ({"rope_scaling": {"type": "longrope"}}, "short_factor must be a list"),
        (
            {"rope_scaling": {"type": "su", "short_factor": [1], "long_factor": [0]}},
            "long_factor must be above 0",
        ),
        ({"partial_rotary_factor": 0.5}, "rotary_short_factors must have an entry"),
        ({"partial_rotary_factor": "all"}, "partial_rotary_factor must be"),
        ({"original_max_position_embeddings": -4}, "original_max_position_embeddings"),
        (
            {"original_max_position_embeddings": 1},
            "above 1 without an attention_factor",
        ),
        ({"attention_bias": True}, "attention_bias = True is not implemented"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu'"),
        ({"sliding_window": 0}, "sliding_window must be at least 1"),
        ({"num_key_value_heads": 2}, "num_key_value_heads 2"),
    ],
)
def test_what_is_wrong_or_missing_is_refused_by_name(changes, words: str) -> None:
    with pytest.raises(ValueError, match=r"must|not implemented") as caught:
        vs.CausalLM.from_config(changed(**changes))
    assert words in str(caught.value)
