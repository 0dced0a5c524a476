"""The torch engine: the Swift engine's own tests, run by it, and the two compared.

`VACCINE_DEVICE` names another device than the CPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import golden
import numpy as np
import pytest
from random_cases import FAMILIES, packed, random_case
from torch_twins import DEVICE, by_torch

import vaccine_swift as vs
from vaccine_swift.methods import Booster, Lisa, TVaccine

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

TESTS = Path(__file__).resolve().parents[1]
GRADIENTS = 1e-4
# Twenty steps of float32 on both sides, whose sums have other orders.
TRAINED_WEIGHTS = 1e-4

FILES = (
    *("booster", "custom_losses", "generation", "golden", "hidden_states", "laws"),
    *("lisa", "methods", "overflow_refused", "perturbations", "streams", "t_vaccine"),
    "vectors",
)


@pytest.mark.parametrize("name", FILES)
def test_it_passes_the_tests_of_the_swift_engine(name: str) -> None:
    found = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-W", "default"),
            *("-p", "no:cacheprovider", str(TESTS / f"test_{name}.py")),
        ],
        env=os.environ
        | {"VACCINE_ENGINE": "torch", "VACCINE_DEVICE": DEVICE, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-4000:]


def test_the_page_on_it_runs() -> None:
    found = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-W", "default"),
            *("-p", "no:cacheprovider", str(TESTS / "test_documentation.py")),
            *("-k", "run_in_turn and torch.md"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-4000:]
    assert "1 passed" in found.stdout


CASES = [("llama", 3), *((family, seed) for family in FAMILIES for seed in (0, 1))]


@pytest.fixture(params=CASES, ids=str)
def twins(
    request: pytest.FixtureRequest, oracle: SimpleNamespace
) -> tuple[Any, vs.CausalLM]:
    """A random case of a family, and its model by torch."""
    family, seed = request.param
    case = random_case(oracle, seed, family)
    assert case.model.adapter is not None
    return case, by_torch(case.model, case.model.adapter)


def assert_gradients_agree(found: Any, expected: Any) -> None:
    """Nothing but rounding where one is zero, as of q in a window of one token."""
    total = np.linalg.norm([np.linalg.norm(each) for each in expected.values()])
    silent = [name for name, values in expected.items() if not values.any()]
    for name in silent:
        assert np.linalg.norm(found[name]) <= 1e-7 * total, name
    told, known = (
        {name: each for name, each in side.items() if name not in silent}
        for side in (found, expected)
    )
    golden.assert_states_agree(told, known, GRADIENTS)


@pytest.mark.parametrize("kind", ["sft", "vaccine"])
def test_both_engines_give_one_gradient(twins, kind: str) -> None:
    case, other = twins
    method = vs.Vaccine(rho=case.rho) if kind == "vaccine" else vs.SFT()
    batch = packed(case.sequences(4, 40))
    reports = [each.forward_backward(batch, method) for each in (case.model, other)]
    assert reports[1].loss == pytest.approx(reports[0].loss, rel=1e-5)
    assert_gradients_agree(other.gradients(), case.model.gradients())
    if kind == "vaccine":
        shifts = [each.perturbations() for each in (case.model, other)]
        assert golden.relative_error(shifts[1], shifts[0]) <= GRADIENTS
    states = []
    for each in (case.model, other):
        each.engine.attention_gradients(batch)
        states.append(each.engine.attention_gradients(batch).states())
    assert golden.relative_error(states[1], states[0]) <= GRADIENTS


@pytest.mark.parametrize("what", ["attention", "residual", "mlp"])
@pytest.mark.parametrize("pool", ["tokens", "mean"])
def test_both_engines_see_the_same_states(twins, what: str, pool: str) -> None:
    case, other = twins
    batch = packed(case.sequences(3, 40))
    ours, theirs = (
        each.hidden_states(batch, what=what, pool=pool) for each in (case.model, other)
    )
    assert golden.relative_error(theirs, ours) <= GRADIENTS


def test_both_engines_continue_with_the_same_tokens(twins) -> None:
    """Prompts longer than a window and shorter; greedy, and drawn from one seed."""
    case, other = twins
    prompts = [ids.tolist() for ids, _ in case.sequences(3, 60)]
    for options in ({}, {"temperature": 0.8, "seed": 5}):
        ours, theirs = (
            each.generate_ids(prompts, max_new_tokens=12, **options)
            for each in (case.model, other)
        )
        assert theirs == ours


# Not with a window of one token: AdamW makes whole steps of what rounding leaves of a
# gradient that is zero.
TRAINED = [("llama", 3), ("opt", 0), *((family, 1) for family in FAMILIES)]


@pytest.mark.parametrize("twins", TRAINED, indirect=True, ids=str)
def test_both_trainers_give_one_adapter_after_twenty_steps(twins, tmp_path) -> None:
    case, other = twins
    data = [vs.Example(*pair) for pair in case.sequences(12, 24)]
    harmful = [vs.Example(*pair) for pair in case.sequences(6, 24)]
    for method in (
        vs.Vaccine(rho=case.rho),
        TVaccine(rho=2.0, layers=1, sample_every=3, measure_every=5),
        Booster(alpha=0.01, strength=0.5),
        Lisa(alignment_steps=2, finetune_steps=3),
    ):
        start = case.model.adapter_state()
        golden.write_adapter(other, start)
        for name, model in (("swift", case.model), ("torch", other)):
            arguments = vs.TrainingArguments(
                str(tmp_path / name / method.name),
                max_steps=20,
                per_device_train_batch_size=2,
                gradient_accumulation_steps=2,
                learning_rate=1e-3,
                save_strategy="no",
                disable_tqdm=True,
            )
            streams = dict.fromkeys(method.streams, harmful)
            vs.Trainer(
                model, arguments, train_dataset=data, method=method, streams=streams
            ).train()
        golden.assert_states_agree(
            other.adapter_state(), case.model.adapter_state(), TRAINED_WEIGHTS
        )


def test_checkpointing_changes_no_gradient_dropout_included(oracle, recwarn) -> None:
    case = random_case(oracle, 2)
    lora = vs.LoRAConfig(
        r=2, lora_alpha=2, lora_dropout=0.3, target_modules=["q_proj", "down_proj"]
    )
    case.model.remove_adapter()
    case.model.add_adapter(lora)
    state = {
        name: np.random.default_rng(0).normal(0, 0.1, each.shape)
        for name, each in case.model.adapter_state().items()
    }
    golden.write_adapter(case.model, state)
    batch = packed(case.sequences(3, 30))
    found = []
    for checkpointing in (False, True):
        model = by_torch(case.model, lora, gradient_checkpointing=checkpointing)
        model.forward_backward(batch, vs.Vaccine(rho=2.0), seed=3, stream=4)
        found.append(model.gradients())
    assert not [each for each in recwarn if "checkpointing_enable" in str(each.message)]
    golden.assert_states_agree(found[1], found[0], 1e-6)
    without = by_torch(case.model, lora)
    without.forward_backward(batch, vs.Vaccine(rho=2.0), seed=3, stream=5)
    with pytest.raises(AssertionError):
        golden.assert_states_agree(without.gradients(), found[0], 1e-2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_are_close_to_floats(oracle, dtype: str) -> None:
    case = random_case(oracle, 1)
    model = by_torch(case.model, case.model.adapter, dtype=dtype)
    assert model.dtype == dtype
    batch = packed(case.sequences(3, 30))
    reports = [
        each.forward_backward(batch, vs.Vaccine(rho=0.1))
        for each in (case.model, model)
    ]
    # Three digits in bfloat16, over a few layers.
    assert reports[1].loss == pytest.approx(reports[0].loss, rel=3e-2)
    cosines = []
    ours, theirs = (each.engine.gradient.numpy() for each in (case.model, model))
    cosines.append(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs))
    assert min(cosines) > 0.99


def test_what_torch_alone_knows_is_refused_without_it() -> None:
    config = vs.tiny_config()
    with pytest.raises(ValueError, match="engine must be one of 'swift', 'torch'"):
        vs.CausalLM.from_config(config, engine="jax")
    with pytest.raises(ValueError, match="device='cuda' needs engine=\"torch\""):
        vs.CausalLM.from_config(config, device="cuda")
    with pytest.raises(ValueError, match="device must be"):
        vs.CausalLM.from_config(config, engine="torch", device="abacus")
    with pytest.raises(ValueError, match="dtype must be one of"):
        vs.CausalLM.from_config(config, engine="torch", device=DEVICE, dtype="int8")


def test_several_ranks_are_refused(tmp_path) -> None:
    class Two:
        rank, size = 0, 2

        def allreduce(self, array: np.ndarray) -> None:
            array *= 2

        def barrier(self) -> None:
            pass

    model = vs.CausalLM.from_config(vs.tiny_config(), engine="torch", device=DEVICE)
    model.add_adapter(vs.LoRAConfig(r=2))
    arguments = vs.TrainingArguments(str(tmp_path), max_steps=1, disable_tqdm=True)
    data = [vs.Example([1, 2, 3], [-100, 2, 3])] * 4
    with pytest.raises(ValueError, match="collective must be left out"):
        vs.Trainer(model, arguments, train_dataset=data, collective=Two()).train()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_overflow_are_no_token(temperature: float) -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(), engine="torch", device=DEVICE)
    model.core.write("weight", "model.norm.weight", np.full(32, 3e38, np.float32))
    said = "logits of prompt 0 are not finite at new token 0"
    with pytest.raises(ValueError, match=said):
        model.generate_ids([[1, 2], [5]], 2, temperature=temperature, end_tokens=[])
