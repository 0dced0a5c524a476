"""`CausalLM`: laws of its methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import IDS, batch

import vaccine_swift as vs


def test_from_config_is_a_function_of_the_seed() -> None:
    first, second, other = (
        vs.CausalLM.from_config(vs.tiny_config(), seed=seed).logits(IDS)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_num_parameters_counts_the_base_and_a_tied_head_once() -> None:
    attention = 32 * 32 + 2 * 16 * 32 + 32 * 32
    layer = attention + 3 * 64 * 32 + 2 * 32
    tied = vs.CausalLM.from_config(vs.tiny_config())
    assert tied.num_parameters == 128 * 32 + 2 * layer + 32
    untied = vs.CausalLM.from_config(vs.tiny_config(tie_word_embeddings=False))
    assert untied.num_parameters == tied.num_parameters + 128 * 32
    untied.add_adapter(vs.LoRAConfig(r=2))
    assert untied.num_parameters == tied.num_parameters + 128 * 32


def test_config_is_a_copy(model: vs.CausalLM) -> None:
    config = model.config
    config["vocab_size"] = 3
    assert model.config["vocab_size"] == 128


def test_shapes_of_logits_and_attention_outputs(model: vs.CausalLM) -> None:
    logits, outputs = model.logits(IDS), model.attention_outputs(IDS)
    assert (logits.shape, logits.dtype) == ((8, 128), np.float32)
    assert (outputs.shape, outputs.dtype) == ((2, 8, 32), np.float32)


@pytest.mark.parametrize("kind", [list, tuple, np.int32, np.int64, np.uint8, np.uint16])
def test_every_kind_of_integer_sequence_gives_the_same_logits(
    model: vs.CausalLM, kind: Any
) -> None:
    ids = np.array(IDS, kind) if isinstance(kind(), np.generic) else kind(IDS)
    np.testing.assert_array_equal(model.logits(ids), model.logits(IDS))


def test_a_new_adapter_changes_no_logit(model: vs.CausalLM) -> None:
    before = model.logits(IDS)
    model.add_adapter(vs.LoRAConfig(r=4), seed=3)
    np.testing.assert_array_equal(model.logits(IDS), before)


def test_a_removed_adapter_leaves_the_base_as_it_was(adapted: vs.CausalLM) -> None:
    adapted.remove_adapter()
    expected = vs.CausalLM.from_config(vs.tiny_config(), seed=1).logits(IDS)
    np.testing.assert_array_equal(adapted.logits(IDS), expected)
    assert adapted.adapter is None


def test_merging_changes_no_logit_beyond_rounding(
    adapted: vs.CausalLM, tmp_path: Path
) -> None:
    before = adapted.logits(IDS)
    adapted.merge_adapter()
    assert adapted.adapter is None
    np.testing.assert_allclose(adapted.logits(IDS), before, atol=2e-5)
    adapted.save_pretrained(tmp_path)
    saved = vs.CausalLM.from_pretrained(tmp_path)
    np.testing.assert_array_equal(saved.logits(IDS), adapted.logits(IDS))
    assert saved.config["torch_dtype"] == "float32"
    assert saved.config["architectures"] == ["LlamaForCausalLM"]


def test_loss_is_the_mean_cross_entropy_of_the_logits(model: vs.CausalLM) -> None:
    logits = model.logits(IDS).astype(np.float64)
    rows = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    picked = [-rows[t - 1, IDS[t]] for t in range(1, len(IDS))]
    loss, supervised = model.loss(vs.Batch.pack([vs.Example(IDS, IDS)]))
    assert supervised == 7
    assert loss == pytest.approx(np.mean(picked), rel=1e-5)


def test_token_log_probabilities_are_those_of_the_logits(model: vs.CausalLM) -> None:
    ids, other = np.arange(1, 200) % 128, np.array([9, 4, 7])
    labels = np.where(ids % 3 == 0, -100, ids)
    sequences = [(ids, labels), (other, [-100, 4, 7]), (ids, ids)]
    batch = vs.Batch.pack(vs.Example(*each) for each in sequences)
    expected = []
    for tokens, wanted in sequences:
        z = model.logits(tokens).astype(np.float64)
        rows = z - np.log(np.exp(z).sum(1, keepdims=True))
        chosen = [t for t in range(1, len(tokens)) if wanted[t] != -100]
        expected += [rows[t - 1, tokens[t]] for t in chosen]
    found = model.token_log_probabilities(batch)
    assert (found.dtype, found.shape) == (np.float32, (batch.supervised,))
    assert batch.supervised > 256  # more than the core holds the logits of at a time
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert model.loss(batch)[0] == pytest.approx(-found.astype(np.float64).mean())


def test_a_loss_that_is_not_finite_is_refused() -> None:
    config = vs.tiny_config(tie_word_embeddings=False)
    model = vs.CausalLM.from_config(config, seed=1)
    model._model.write("weight", "lm_head.weight", np.full((128, 32), 1e38, np.float32))
    for call in (model.loss, model.token_log_probabilities):
        with pytest.raises(ValueError, match="the loss is not finite"):
            call(batch())


def test_token_log_probabilities_need_a_supervised_token(model: vs.CausalLM) -> None:
    silent = vs.Batch.pack([vs.Example([1, 2], [-100, -100])])
    with pytest.raises(ValueError, match="no token of the batch is supervised"):
        model.token_log_probabilities(silent)
    with pytest.raises(TypeError, match="batch must be a Batch"):
        model.token_log_probabilities([1, 2])


def test_a_step_reports_its_batch_and_the_norms_of_the_law(
    adapted: vs.CausalLM,
) -> None:
    report = adapted.forward_backward(batch(), vs.Vaccine(rho=2.0))
    assert (report.tokens, report.supervised) == (11, 9)
    assert np.linalg.norm(report.perturbation_norms) == pytest.approx(2.0, rel=1e-5)
    layers = np.linalg.norm(adapted.perturbations().reshape(2, -1), axis=1)
    np.testing.assert_allclose(report.perturbation_norms, layers, rtol=1e-5)
    total = np.sqrt(
        sum(np.sum(g.astype(float) ** 2) for g in adapted.gradients().values())
    )
    assert report.gradient_norm == pytest.approx(total, rel=1e-5)
    assert report.loss > report.clean_loss == pytest.approx(adapted.loss(batch())[0])


def test_gradients_accumulate_until_zeroed(adapted: vs.CausalLM) -> None:
    adapted.forward_backward(batch(), vs.SFT())
    once = adapted.gradients()
    adapted.forward_backward(batch(), vs.SFT(), weight=0.5)
    for name, values in adapted.gradients().items():
        np.testing.assert_allclose(values, 1.5 * once[name], rtol=1e-5, atol=1e-8)
    adapted.zero_gradients()
    assert not any(values.any() for values in adapted.gradients().values())


def test_streams_count_up_by_themselves() -> None:
    def gradients(streams: list[int | None]) -> list[dict[str, np.ndarray]]:
        model = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
        model.add_adapter(vs.LoRAConfig(r=4, lora_dropout=0.5), seed=2)
        found = []
        for stream in streams:
            model.zero_gradients()
            model.forward_backward(batch(), vs.SFT(), stream=stream)
            found.append(model.gradients())
        return found

    own, given_ = gradients([None, None]), gradients([0, 1])
    name = next(name for name in own[0] if "lora_B" in name)
    np.testing.assert_array_equal(own[0][name], given_[0][name])
    np.testing.assert_array_equal(own[1][name], given_[1][name])
    assert not np.allclose(own[0][name], own[1][name])
