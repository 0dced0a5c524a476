"""`CausalLM`: laws of its methods, state errors, junk in every argument."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models as backends
from tokenizers import pre_tokenizers

import vaccine_swift as vs

IDS = [3, 1, 4, 1, 5, 9, 2, 6]
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@pytest.fixture
def model() -> vs.CausalLM:
    return vs.CausalLM.from_config(vs.tiny_config(), seed=1)


@pytest.fixture
def adapted(model: vs.CausalLM) -> vs.CausalLM:
    model.add_adapter(vs.LoRAConfig(r=4, lora_alpha=6), seed=2)
    generator = np.random.default_rng(3)
    for name, values in model.adapter_state().items():
        model._model.write("adapter", name, generator.normal(0, 0.3, values.shape))
    return model


def batch() -> vs.Batch:
    return vs.Batch.pack([vs.Example(IDS, IDS), vs.Example(IDS[:3], [-100, 1, 4])])


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


def test_batched_generation_is_one_by_one_generation(model: vs.CausalLM) -> None:
    prompts = [IDS, [7], [9, 9, 9]]
    together = model.generate_ids(prompts, 12)
    assert together == [model.generate_ids([prompt], 12)[0] for prompt in prompts]


def test_greedy_generation_takes_the_largest_logit(model: vs.CausalLM) -> None:
    (found,) = model.generate_ids([IDS], 6)
    ids = list(IDS)
    for token in found:
        assert token == int(np.argmax(model.logits(ids)[-1]))
        ids.append(token)


def test_an_end_token_of_the_configuration_ends_a_continuation(
    model: vs.CausalLM,
) -> None:
    (free,) = model.generate_ids([IDS], 6, end_tokens=[])
    assert len(free) == 6
    for end in (free[2], [127, free[2]]):
        config = vs.tiny_config(eos_token_id=end)
        stopped = vs.CausalLM.from_config(config, seed=1).generate_ids([IDS], 6)
        assert stopped == [free[: free.index(free[2]) + 1]]


@pytest.fixture
def with_tokenizer(model: vs.CausalLM, tmp_path: Path) -> vs.CausalLM:
    """One word for each id, "w0" to "w127"; w0 is EOS."""
    backend = Backend(backends.WordLevel({f"w{i}": i for i in range(128)}))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vs.Tokenizer(backend, {"eos_token": "w0"}).save(tmp_path)
    model.save_pretrained(tmp_path)
    return vs.CausalLM.from_pretrained(tmp_path)


def test_texts_go_through_the_tokenizer_both_ways(
    with_tokenizer: vs.CausalLM, model: vs.CausalLM
) -> None:
    prompts = ["w3 w1 w4", "w7"]
    ids = model.generate_ids([[3, 1, 4], [7]], 5, end_tokens=[0])
    expected = [" ".join(f"w{i}" for i in row if i != 0) for row in ids]
    assert with_tokenizer.generate(prompts, 5) == expected


def test_without_a_tokenizer_texts_are_refused(model: vs.CausalLM) -> None:
    with pytest.raises(RuntimeError, match="no tokenizer"):
        model.generate(["w1"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.gradients(), "no adapter"),
        (lambda m: m.zero_gradients(), "no adapter"),
        (lambda m: m.adapter_state(), "no adapter"),
        (lambda m: m.save_adapter("never-written"), "no adapter"),
        (lambda m: m.merge_adapter(), "no adapter"),
        (lambda m: m.remove_adapter(), "no adapter"),
        (lambda m: m.forward_backward(batch()), "no adapter"),
        (lambda m: m.perturbations(), "perturb"),
    ],
)
def test_calls_out_of_turn_are_runtime_errors(
    model: vs.CausalLM, call: Any, words: str
) -> None:
    with pytest.raises(RuntimeError, match=words):
        call(model)
    assert np.isfinite(model.logits(IDS)).all()


def test_a_second_adapter_and_saving_an_adapted_base_are_refused(
    adapted: vs.CausalLM, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="has an adapter already"):
        adapted.add_adapter()
    with pytest.raises(RuntimeError, match="merge_adapter or remove_adapter first"):
        adapted.save_pretrained(tmp_path / "never-written")
    assert not (tmp_path / "never-written").exists()


def test_a_rank_above_the_matrix_is_refused_by_name(model: vs.CausalLM) -> None:
    with pytest.raises(ValueError, match=r"r must be at most 16.*k_proj.*got 17"):
        model.add_adapter(vs.LoRAConfig(r=17))
    model.add_adapter(vs.LoRAConfig(r=17, target_modules=["q_proj"]))


@pytest.mark.parametrize(
    ("ids", "error", "words"),
    [
        ([], ValueError, "input_ids must hold at least one token"),
        ([128], ValueError, "128"),
        ([-1], ValueError, "-1"),
        ([1] * 257, ValueError, "257"),
        ([1.5], TypeError, "input_ids must hold integers, got float64"),
        ([[1, 2]], ValueError, "input_ids must be one-dimensional"),
        (["a"], TypeError, "input_ids must hold integers"),
        ([None], TypeError, "input_ids must hold integers"),
        ([2**40], ValueError, str(2**40)),
    ],
)
def test_bad_token_ids_are_refused_by_every_call(
    adapted: vs.CausalLM, ids: Any, error: type[Exception], words: str
) -> None:
    for call in (adapted.logits, adapted.attention_outputs):
        with pytest.raises(error) as caught:
            call(ids)
        assert words in str(caught.value)
    with pytest.raises(error):
        adapted.generate_ids([ids], 1)
    assert np.isfinite(adapted.logits(IDS)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be at least 1"),
        ({"max_new_tokens": 1.0}, TypeError, "max_new_tokens must be an int"),
        ({"max_new_tokens": 250}, ValueError, "250"),
        ({"temperature": -1.0}, ValueError, "temperature must be at least 0"),
        ({"temperature": float("nan")}, ValueError, "temperature"),
        ({"top_p": 0.0}, ValueError, "top_p must be above 0"),
        ({"top_p": 1.1}, ValueError, "top_p"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 2**64}, ValueError, "seed"),
        ({"end_tokens": [-1]}, ValueError, "end_tokens"),
        ({"end_tokens": ["x"]}, TypeError, "end_tokens"),
    ],
)
def test_bad_generation_arguments_are_refused_by_name(
    model: vs.CausalLM, arguments: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        model.generate_ids([IDS], **arguments)
    assert words in str(caught.value)


def test_prompts_must_be_a_list_of_strings(with_tokenizer: vs.CausalLM) -> None:
    with pytest.raises(TypeError, match="prompts must be a list of str, got 'w1'"):
        with_tokenizer.generate("w1")
    with pytest.raises(ValueError, match="prompts must hold at least one"):
        with_tokenizer.generate([])
    with pytest.raises(ValueError, match=r"prompts\[1\] must hold at least one token"):
        with_tokenizer.generate(["w1", ""])


def test_a_batch_must_be_a_batch(adapted: vs.CausalLM) -> None:
    with pytest.raises(TypeError, match="batch must be a Batch"):
        adapted.forward_backward([vs.Example(IDS, IDS)])  # type: ignore[arg-type]
    unsupervised = vs.Batch.pack([vs.Example(IDS, [-100] * 8)])
    with pytest.raises(ValueError, match="supervised"):
        adapted.forward_backward(unsupervised)


def test_a_model_too_large_for_the_machine_is_a_memory_error() -> None:
    config = vs.tiny_config(
        hidden_size=2**18, intermediate_size=2**20, num_hidden_layers=1000, head_dim=64
    )
    with pytest.raises(MemoryError):
        vs.CausalLM.from_config(config)


def test_reserve_takes_sizes_from_one_up(adapted: vs.CausalLM) -> None:
    adapted.reserve(64, 4)
    adapted.reserve(64, 4, training=False)
    with pytest.raises(ValueError, match="tokens must be at least 1"):
        adapted.reserve(0, 1)
    with pytest.raises(MemoryError):
        adapted.reserve(2**32, 1)


JUNK = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.integers(-(2**70), 2**70), max_size=5),
    st.lists(st.floats(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.binary(max_size=8),
    st.just(np.zeros((2, 0))),
    st.just(np.array(3)),
)
SURVIVOR = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
SURVIVOR.add_adapter(vs.LoRAConfig(r=2), seed=0)


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(
        [
            "logits",
            "attention_outputs",
            "hidden_states",
            "loss",
            "forward_backward",
            "reserve",
            "add_adapter",
            "load_adapter",
            "generate",
            "generate_ids",
        ]
    ),
    arguments=st.lists(JUNK, min_size=1, max_size=3),
)
def test_junk_in_every_method_is_a_clear_error_and_the_model_goes_on(
    name: str, arguments: list[Any]
) -> None:
    with contextlib.suppress(TypeError, ValueError, OSError, RuntimeError, MemoryError):
        getattr(SURVIVOR, name)(*copy.deepcopy(arguments))
    assert np.isfinite(SURVIVOR.logits(IDS)).all()
