"""The grid of a study: which trials there are, in which order, with which names."""

from __future__ import annotations

from vaccine_swift import study
from vaccine_swift.study.grid import Trial, trials


def test_every_method_gets_the_parameters_it_has():
    config = study.StudyConfig(rho=(1, 2), every=(1, 10), poison=0.1, seeds=1)
    found = [(trial.method, trial.rho, trial.every) for trial in trials(config)]
    assert found == [
        ("none", None, None),
        ("sft", None, None),
        ("vaccine", 1.0, 1),
        ("vaccine", 1.0, 10),
        ("vaccine", 2.0, 1),
        ("vaccine", 2.0, 10),
        ("random", 1.0, None),
        ("random", 2.0, None),
    ]


def test_the_grid_is_the_product_with_the_seed_fastest():
    config = study.StudyConfig(
        methods="sft", poison=(0, 0.1), seeds=2, sweep={"samples": [10, 20]}
    )
    found = [(t.settings["samples"], t.poison, t.seed) for t in trials(config)]
    assert found == [
        *((10, 0, 0), (10, 0, 1), (10, 0.1, 0), (10, 0.1, 1)),
        *((20, 0, 0), (20, 0, 1), (20, 0.1, 0), (20, 0.1, 1)),
    ]


def test_an_unaligned_model_has_no_alignment_to_sweep():
    config = study.StudyConfig(
        methods=("none", "sft"), poison=0, seeds=1, sweep={"align_steps": [1, 2, 3]}
    )
    assert [trial.method for trial in trials(config)] == ["none", "sft", "sft", "sft"]


def test_labels_tell_rho_and_every():
    config = study.StudyConfig(rho=(0.5, 2), every=(1, 4), poison=0, seeds=1)
    labels = [trial.label for trial in trials(config)]
    assert labels == [
        *("No alignment", "SFT", "Vaccine ρ=0.5", "Vaccine ρ=0.5 τ=4"),
        *("Vaccine ρ=2", "Vaccine ρ=2 τ=4", "Random ρ=0.5", "Random ρ=2"),
    ]


def test_a_trial_comes_back_from_its_row():
    (trial,) = trials(study.StudyConfig(methods="vaccine", poison=0.1, seeds=(4,)))
    row = {name: getattr(trial, name) for name in Trial.__slots__}
    assert Trial.of_row(row) == trial
