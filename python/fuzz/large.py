"""A sequence of 100,000 tokens against the oracle: ``python -m fuzz.large``.

In a model of one layer the oracle needs no more than the keys and values of all tokens
and the scores of some rows at a time. Compared are logits, and what a Vaccine step
gives: both losses, the perturbation (its length, and the clean loss's slope along a
random direction), and the gradient of every adapted projection, by central differences
of the oracle's loss along a random direction.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import numpy as np  # noqa: E402  # after the path to the tests
from numpy_llama import (  # noqa: E402
    Array,
    NumpyLlama,
    after_attention,
    mixed_values,
    next_token_loss,
)
from test_edges import model_of  # noqa: E402

import vaccine_swift as vs  # noqa: E402

RHO = 2.0
# The rounding of float32 and the truncation of a central difference stay below.
TOLERANCES = {"logits": 2e-5, "loss": 1e-5, "perturbation": 1e-4, "gradient": 1e-3}


@dataclass(frozen=True)
class Whole:
    """The oracle on one sequence, with what its attention mixed [T, H * D]."""

    oracle: NumpyLlama
    ids: Array
    mixed: Array

    def logits(self, shifts: Array | None = None) -> Array:
        """Logits [T, V]; `shifts` [T, C] is added to the attention outputs."""
        rows = np.arange(len(self.ids))
        return after_attention(self.oracle, self.ids, rows, self.mixed, shifts)

    def loss(self, shifts: Array | None = None) -> float:
        """Mean cross-entropy of all tokens but the first."""
        return next_token_loss(self.logits(shifts), self.ids)

    def moved(self, way: dict[str, Array], by: float) -> Whole:
        """The same with other values of the adapter."""
        values = {
            name: self.oracle.adapter[name] + by * step for name, step in way.items()
        }
        oracle = replace(self.oracle, adapter=self.oracle.adapter | values)
        if all("self_attn.o_proj" in name or ".mlp." in name for name in way):
            return replace(self, oracle=oracle)
        return whole(oracle, self.ids)


def whole(oracle: NumpyLlama, ids: Array) -> Whole:
    """The oracle on a sequence, all pairs of tokens computed."""
    return Whole(oracle, ids, mixed_values(oracle, ids, np.arange(len(ids))))


def slope(loss: Callable[[float], float], step: float) -> float:
    """The central difference at 0."""
    return (loss(step) - loss(-step)) / (2 * step)


def perturbation_error(known: Whole, shifts: Array, generator: np.random.Generator):
    """How far ε is from ρ g / |g|, by the clean loss's slopes along it and another way.

    Along ε / ρ the slope is |g|; along any other w it is |g| times ε · w / ρ.
    """
    length = np.linalg.norm(shifts)
    way = generator.normal(size=shifts.shape)
    unit = shifts / length
    steepest = slope(lambda by: known.loss(by * unit), 1e-4)
    other = slope(lambda by: known.loss(by * way), 1e-4 / length)
    return max(abs(length / RHO - 1), abs(other / steepest - np.vdot(unit, way)))


def gradient_errors(
    known: Whole,
    shifts: Array,
    gradients: dict[str, Array],
    generator: np.random.Generator,
) -> dict[str, float]:
    """Of each projection: the slope along a way of standard normal numbers / |g|."""
    errors = {}
    for module in sorted({name.rsplit(".lora_", 1)[0] for name in gradients}):
        parts = {name: g for name, g in gradients.items() if name.startswith(module)}
        way = {
            name: generator.normal(size=g.shape) / np.linalg.norm(g)
            for name, g in parts.items()
        }
        step = 1e-4 / max(np.abs(part).max() for part in way.values())
        found = slope(lambda by, way=way: known.moved(way, by).loss(shifts), step)
        expected = sum(np.vdot(g, way[name]) for name, g in parts.items())
        errors[module.rsplit(".", 1)[1]] = abs(found - expected) / len(parts) ** 0.5
    return errors


def adapted(tokens: int) -> tuple[vs.CausalLM, NumpyLlama]:
    """A model of one layer for so many tokens, whose adapters are not zero."""
    model, oracle = model_of(
        {
            "num_hidden_layers": 1,
            "hidden_size": 8,
            "num_attention_heads": 2,
            "max_position_embeddings": tokens,
        }
    )
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=2, target_modules="all-linear"))
    generator = np.random.default_rng(4)
    for name, shape in model.core.tensors("adapter"):
        model.core.write("adapter", name, generator.normal(0, 0.2, shape))
    return model, replace(oracle, adapter=model.adapter_state())


def compare(tokens: int, say: Callable[[str], None] = print) -> dict[str, float]:
    """The relative error of everything that is compared."""
    model, oracle = adapted(tokens)
    generator = np.random.default_rng(3)
    ids = generator.integers(0, oracle.config["vocab_size"], tokens)
    batch = vs.Batch.pack([vs.Example(ids, ids)])
    began = time.monotonic()
    logits = model.logits(ids)
    say(f"logits of {tokens:,} tokens: {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    report = model.forward_backward(batch, vs.Vaccine(rho=RHO))
    say(f"a Vaccine step: {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    known = whole(oracle, ids)
    say(f"the oracle: {time.monotonic() - began:.1f} s")
    shifts = model.perturbations()[0].astype(np.float64)
    clean, perturbed = known.loss(), known.loss(shifts)
    expected = known.logits()
    errors = {
        "logits": float(np.linalg.norm(logits - expected) / np.linalg.norm(expected)),
        "loss, clean": abs(report.clean_loss / clean - 1),
        "loss": abs(report.loss / perturbed - 1),
        "perturbation": perturbation_error(known, shifts, generator),
    }
    gradients = gradient_errors(known, shifts, model.gradients(), generator)
    return errors | {f"gradient of {name}": e for name, e in gradients.items()}


def too_large(errors: dict[str, float]) -> list[str]:
    """What differs by more than rounding."""
    return [
        name
        for name, error in errors.items()
        if not error < TOLERANCES[name.replace(",", "").split()[0]]
    ]


def main() -> int:
    """1 where something differs by more than rounding."""
    parser = argparse.ArgumentParser(prog="fuzz.large", description=__doc__)
    parser.add_argument("--tokens", type=int, default=100_000)
    errors = compare(parser.parse_args().tokens)
    for name, error in errors.items():
        print(f"{name}: relative error {error:.1e}")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"at most {most:,} MB of memory")
    wrong = too_large(errors)
    print("wrong:", *wrong) if wrong else None
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
