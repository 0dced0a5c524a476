"""`CausalLM`: state errors, bad arguments, junk in every one of them."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import IDS, batch

import vaccine_swift as vs


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
