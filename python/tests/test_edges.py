"""Sizes at the edge: equal to the oracle in numpy, or refused by name."""

from __future__ import annotations

from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
from numpy_llama import NumpyLlama, rows_of_one_layer

import vaccine_swift as vs

SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": None,
    "max_position_embeddings": 64,
}
SHAPES: dict[str, dict[str, Any]] = {
    "one layer": {"num_hidden_layers": 1},
    "120 layers": {"num_hidden_layers": 120, "hidden_size": 8, "intermediate_size": 9},
    "500 layers": {"num_hidden_layers": 500, "hidden_size": 8, "intermediate_size": 9},
    "a vocabulary of 1,000,000": {
        "vocab_size": 10**6,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "max_position_embeddings": 8,
    },
    "heads of 2": {"hidden_size": 24, "num_attention_heads": 12},
    "a hidden size of 15": {"hidden_size": 15, "num_attention_heads": 1, "head_dim": 6},
    "a hidden size of 33": {
        "hidden_size": 33,
        "num_attention_heads": 3,
        "head_dim": 22,
    },
    "a feed-forward size of 1": {"intermediate_size": 1},
    "a feed-forward size of 17": {"intermediate_size": 17},
    "a vocabulary of 1": {"vocab_size": 1},
    "a vocabulary of 10,007": {"vocab_size": 10_007, "hidden_size": 8},
    "a context of 1": {"max_position_embeddings": 1},
}


def model_of(
    changes: dict[str, Any], seed: int = 0, scale: float = 1.0
) -> tuple[vs.CausalLM, NumpyLlama]:
    """A random model, and the oracle with its weights."""
    config = vs.tiny_config(**(SMALL | changes))
    heads = config["num_attention_heads"]
    config["num_key_value_heads"] = 1 if heads % 2 else heads // 2
    config["head_dim"] = config["head_dim"] or config["hidden_size"] // heads
    model = vs.CausalLM.from_config(config, seed=seed)
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in model.core.tensors("weight"):
        weights[name] = (scale * generator.normal(0, 0.3, shape)).astype(np.float32)
        model.core.write("weight", name, weights[name])
    return model, NumpyLlama(config, weights, {}, 1.0)


def check_logits(model: vs.CausalLM, oracle: NumpyLlama, ids: np.ndarray) -> None:
    """To the rounding of float32 over the depth of the model."""
    expected = oracle.forward(ids)
    error = np.linalg.norm(model.logits(ids) - expected) / np.linalg.norm(expected)
    assert error < 2e-5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", ["one token", "the whole context"])
def test_shapes_at_the_edge_are_the_oracle_s(shape: str, length: str) -> None:
    model, oracle = model_of(SHAPES[shape])
    config = oracle.config
    count = 1 if length == "one token" else config["max_position_embeddings"]
    ids = np.random.default_rng(1).integers(0, config["vocab_size"], count)
    check_logits(model, oracle, ids)


def test_a_vocabulary_of_a_million_is_learnt_and_chosen_from() -> None:
    model, oracle = model_of(SHAPES["a vocabulary of 1,000,000"])
    ids = np.array([999_999, 0, 500_000, 999_998, 7])
    offsets = np.array([0, 3, 5])
    expected = oracle.loss(ids, ids, offsets)
    batch = vs.Batch.pack([vs.Example(ids[:3], ids[:3]), vs.Example(ids[3:], ids[3:])])
    assert model.loss(batch)[0] == pytest.approx(expected, rel=1e-5)
    model.add_adapter(vs.LoRAConfig(r=2))
    assert model.forward_backward(batch, vs.SFT()).loss == pytest.approx(
        expected, rel=1e-5
    )
    ((chosen,),) = model.generate_ids([ids[:3]], 1, end_tokens=[])
    assert chosen == int(np.argmax(oracle.forward(ids[:3])[-1]))


def test_one_token_more_than_the_context_is_refused() -> None:
    model, _ = model_of({})
    with pytest.raises(ValueError, match="context_length = 64 tokens, got 65"):
        model.logits(np.zeros(65, np.int64))
    assert len(model.generate_ids([[1] * 63], 1, end_tokens=[])[0]) == 1
    with pytest.raises(ValueError, match="exceed the context of 64"):
        model.generate_ids([[1] * 63], 2)
    with pytest.raises(ValueError, match="exceed the context of 64"):
        model.generate_ids([[1] * 64], 1)


def test_the_last_token_of_the_context_is_generated_as_logits_have_it() -> None:
    model, _ = model_of({})
    (found,) = model.generate_ids([[7]], 63, end_tokens=[])
    logits = model.logits([7, *found[:-1]])
    assert found == np.argmax(logits, axis=-1).tolist()


def test_ten_thousand_sequences_have_the_loss_of_each() -> None:
    model, oracle = model_of({"num_hidden_layers": 1, "hidden_size": 8})
    generator = np.random.default_rng(2)
    pairs = generator.integers(0, 64, (10_000, 2))
    batch = vs.Batch.pack([vs.Example(row, row) for row in pairs])
    logits = np.stack([oracle.forward(np.array([token]))[0] for token in range(64)])
    shifted = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -shifted[pairs[:, 0], pairs[:, 1]].mean()
    loss, count = model.loss(batch)
    assert count == 10_000
    assert loss == pytest.approx(expected, rel=1e-5)


def test_sequences_of_one_token_have_nothing_to_predict() -> None:
    model, _ = model_of({})
    batch = vs.Batch.pack([vs.Example([3], [3]), vs.Example([4], [4])])
    with pytest.raises(ValueError, match="no token of the batch is supervised"):
        model.loss(batch)
    mixed = vs.Batch.pack([vs.Example([3], [3]), vs.Example([4, 5], [4, 5])])
    alone = vs.Batch.pack([vs.Example([4, 5], [4, 5])])
    assert model.loss(mixed) == model.loss(alone)


def test_an_adapter_of_full_rank_is_the_sum_of_both() -> None:
    model, oracle = model_of({})
    with pytest.raises(ValueError, match="r must be at most 12, the smaller side"):
        model.add_adapter(vs.LoRAConfig(r=13), seed=0)
    model.add_adapter(vs.LoRAConfig(r=12, lora_alpha=6), seed=0)
    generator = np.random.default_rng(3)
    for name, shape in model.core.tensors("adapter"):
        model.core.write("adapter", name, generator.normal(0, 0.2, shape))
    both = NumpyLlama(oracle.config, oracle.weights, model.adapter_state(), 0.5)
    ids = np.arange(20)
    check_logits(model, both, ids)
    model.merge_adapter()
    check_logits(model, both, ids)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_numbers_that_overflow_are_refused_and_never_an_answer(dtype: str) -> None:
    from vaccine_swift import _core

    if dtype not in _core.dtypes():
        pytest.skip("the processor does not multiply bfloat16")
    config = vs.tiny_config()
    model = vs.CausalLM.from_config(config, seed=0, dtype=dtype)
    for name, shape in model.core.tensors("weight"):
        if name.endswith(("down_proj.weight", "up_proj.weight")):
            model.core.write("weight", name, np.full(shape, 3e38, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        model.generate_ids([[1, 2]], 3)
    with pytest.raises(ValueError, match="not finite"):
        model.loss(vs.Batch.pack([vs.Example([1, 2, 3], [1, 2, 3])]))


def test_what_float16_cannot_hold_is_read_as_it_is(tmp_path) -> None:
    """65504 is its largest number; infinity in a file is refused by name."""
    import gguf

    config = files.gguf_config()
    weights = files.random_weights(config)
    name = "model.layers.0.mlp.up_proj.weight"
    weights[name][0, 0] = 65504.0
    path = files.write_gguf(
        tmp_path / "half.gguf",
        config,
        weights,
        quantization=gguf.GGMLQuantizationType.F16.name,
    )
    model = vs.CausalLM.from_pretrained(path)
    assert np.asarray(model.core.read("weight", name)).max() == 65504.0
    weights[name][0, 0] = np.inf
    path = files.write_gguf(tmp_path / "inf.gguf", config, weights, quantization="F16")
    with pytest.raises(ValueError, match=r"inf\.gguf.*up_proj"):
        vs.CausalLM.from_pretrained(path)


def test_the_oracle_of_some_rows_is_that_of_all() -> None:
    _, oracle = model_of({"num_hidden_layers": 1})
    ids = np.random.default_rng(4).integers(0, 64, 40)
    rows = np.array([0, 7, 39])
    np.testing.assert_allclose(
        rows_of_one_layer(oracle, ids, rows), oracle.forward(ids)[rows], rtol=1e-9
    )
