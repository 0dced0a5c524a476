"""How a step forms its gradient."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.cli.method_options import add_method_options, method_of


def test_every_perturbs_each_tau_th_step_from_the_first() -> None:
    method = vs.Vaccine(rho=1.5, every=3)
    kinds = [method.at_step(step).kind for step in range(7)]
    assert kinds == ["vaccine", "sft", "sft", "vaccine", "sft", "sft", "vaccine"]
    assert method.at_step(3) is method


@pytest.mark.parametrize("method", [vs.SFT(), vs.RandomPerturbation(0.25)])
def test_other_methods_are_the_same_at_every_step(method) -> None:
    assert all(method.at_step(step) is method for step in range(4))


def test_magnitudes_are_what_the_core_takes() -> None:
    assert vs.SFT().magnitude == 0.0
    assert vs.Vaccine().magnitude == 2.0
    assert vs.RandomPerturbation(0.25).magnitude == 0.25


def test_methods_of_equal_numbers_are_equal() -> None:
    assert vs.Vaccine(rho=2, every=np.int64(1)) == vs.Vaccine(rho=2.0)
    assert repr(vs.Vaccine(rho=np.float32(2))) == "Vaccine(rho=2.0, every=1)"


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, -math.inf])
def test_a_magnitude_out_of_range_is_refused_by_name(bad: float) -> None:
    with pytest.raises(ValueError, match="rho must be at least 0"):
        vs.Vaccine(rho=bad)
    with pytest.raises(ValueError, match="variance must be at least 0"):
        vs.RandomPerturbation(variance=bad)
    with pytest.raises(ValueError, match="rho must be at least 0"):
        vs.perturbation([np.ones(2)], bad)


@pytest.mark.parametrize(
    ("every", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)]
)
def test_every_must_be_a_positive_int(every, error) -> None:
    with pytest.raises(error, match="every must be"):
        vs.Vaccine(every=every)


def test_a_magnitude_must_be_a_number() -> None:
    with pytest.raises(TypeError, match="rho must be a number, got '2'"):
        vs.Vaccine(rho="2")  # type: ignore[arg-type]


BEYOND_FLOAT32 = {
    "rho": lambda: vs.Vaccine(rho=1e32),
    "variance": lambda: vs.RandomPerturbation(1e71),
    "lora_alpha / r": lambda: vs.LoRAConfig(r=8, lora_alpha=1e300),
    "learning_rate": lambda: vs.TrainingArguments(learning_rate=1e39),
    "adam_epsilon": lambda: vs.TrainingArguments(adam_epsilon=1e-46),
    "weight_decay": lambda: vs.TrainingArguments(weight_decay=1e-300),
}


@pytest.mark.parametrize("name", BEYOND_FLOAT32)
def test_a_setting_that_float32_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        BEYOND_FLOAT32[name]()


def test_an_optimiser_refuses_what_float32_cannot_hold(adapted) -> None:
    names = ("beta1", "beta2", "epsilon", "weight_decay")
    for name, settings in (
        ("beta1", (1 - 1e-9, 0.999, 1e-8, 0.0)),
        ("epsilon", (0.9, 0.999, 1e-46, 0.0)),
        ("epsilon", (0.9, 0.999, 1e39, 0.0)),
    ):
        with pytest.raises(ValueError, match=f"{name} must be"):
            adapted.engine.adamw(**dict(zip(names, settings, strict=True)))


def test_options_follow_from_the_fields() -> None:
    rho, every = vs.Vaccine.options()
    assert (rho.name, rho.type, rho.default, rho.symbol) == ("rho", float, 2.0, "ρ")
    assert rho.range == "at least 0 and at most 1e+31"
    assert (every.name, every.type, every.required) == ("every", int, False)
    (variance,) = vs.RandomPerturbation.options()
    assert variance.required
    assert vs.SFT.options() == ()


def test_labels_show_the_first_setting_and_what_is_changed() -> None:
    assert vs.SFT().label == "SFT"
    assert vs.Vaccine().label == "Vaccine ρ=2"
    assert vs.Vaccine(rho=0.5, every=3).label == "Vaccine ρ=0.5 τ=3"
    assert vs.RandomPerturbation(0.25).label == "Random variance=0.25"


def test_the_identity_of_shipped_methods_stays_what_checkpoints_hold() -> None:
    assert vs.SFT().identity == {"kind": "sft"}
    assert vs.Vaccine(rho=2).identity == {"kind": "vaccine", "rho": 2.0, "every": 1}
    assert vs.RandomPerturbation(1).identity == {"kind": "random", "variance": 1.0}


@pytest.fixture
def halves():
    """A method of one's own, for one test."""

    @dataclass(frozen=True)
    class Halves(vs.Method):
        """Some of the gradient."""

        name = "halves"
        share: float = vs.option(0.5, help="what is kept", minimum=0.0, maximum=1.0)
        mode: str = vs.option("plain", choices=("plain", "noisy"))
        twice: bool = False

        def gradient(self, step: vs.Step) -> vs.StepReport:
            return step.forward_backward(weight=self.share)

    yield Halves
    vs.methods.unregister("halves")


def test_a_method_of_ones_own_is_registered_checked_and_run(halves, adapted) -> None:
    assert vs.methods.registered()["halves"] is halves
    method = vs.methods.method_named("halves", share=0.25)
    assert method == halves(share=0.25)
    assert method.label == "Halves share=0.25"
    for wrong, message in (
        ({"share": 1.5}, "share must be at most 1.0, got 1.5"),
        ({"mode": "loud"}, "mode must be one of plain, noisy, got 'loud'"),
        ({"twice": 1}, "twice must be a bool, got 1"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            halves(**wrong)
    batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])])
    adapted.forward_backward(batch, vs.SFT(), weight=0.25, stream=0)
    expected = adapted.gradients()
    adapted.zero_gradients()
    adapted.forward_backward(batch, method, stream=0)
    for name, gradient in adapted.gradients().items():
        np.testing.assert_array_equal(gradient, expected[name], err_msg=name)


def test_a_method_of_ones_own_has_options_on_the_command_line(halves) -> None:
    parser = argparse.ArgumentParser()
    add_method_options(parser)
    words = ["--method", "halves", "--share", "0.75", "--mode", "noisy", "--twice"]
    options = parser.parse_args(words)
    assert method_of(options) == halves(share=0.75, mode="noisy", twice=True)
    options = parser.parse_args(["--method", "sft", "--share", "0.75"])
    with pytest.raises(ValueError, match="--share has no meaning with --method sft"):
        method_of(options)


def test_a_name_belongs_to_one_method(halves) -> None:
    def define(name: object) -> None:
        type("Other", (vs.Method,), {"name": name, "gradient": None})

    for name in ("halves", "vaccine"):
        with pytest.raises(ValueError, match=f"'{name}' is that of"):
            define(name)
    for name in ("", "Two", "a b", "-", "é"):
        with pytest.raises(ValueError, match="lower-case words"):
            define(name)
    with pytest.raises(TypeError, match="must be a str"):
        define(3)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("vacine", {}, "Did you mean 'vaccine'"),
        (["vaccine"], {}, "method must be one of"),
        ("vaccine", {"roh": 1.0}, "roh is no setting of vaccine. Did you mean 'rho'"),
        ("random", {}, "variance must be given for random"),
    ],
)
def test_a_method_that_is_not_there_is_refused(name, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        vs.methods.method_named(name, **settings)


def test_an_error_in_a_recipe_leaves_zero_gradients(adapted, halves) -> None:
    class Broken(halves):
        def gradient(self, step: vs.Step) -> vs.StepReport:
            step.forward_backward()
            step.next_batch("harmful")

    batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
    with pytest.raises(RuntimeError, match="reads the data stream 'harmful'"):
        adapted.forward_backward(batch, Broken())
    assert not any(value.any() for value in adapted.gradients().values())
    with pytest.raises(TypeError, match=r"method must be SFT, .* got str"):
        adapted.forward_backward(batch, "sft")


def test_the_documentation_has_the_table_of_all_shipped_methods() -> None:
    shipped = [
        method
        for method in vs.methods.registered().values()
        if method.__module__.startswith("vaccine_swift.methods.")
    ]
    page = Path(__file__).parents[1] / "docs" / "methods.md"
    assert vs.methods.table(shipped) in page.read_text("utf-8")
    names = {method.__name__ for method in shipped}
    assert names <= set(vs.methods.__all__)
