"""Means, intervals, differences and corrections of a study's rows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import study_rows
from study_rows import arm, of_units, row

from vaccine_swift.study import statistics

SFT, VACCINE = arm("sft"), arm("vaccine")


def after(rows, method, name="harmful_score"):
    return next(
        each
        for each in statistics.summary(rows)
        if (each["method"], each["metric"], each["stage"]) == (method, name, "after")
    )


def test_a_mean_of_two_seeds_and_acts_by_hand() -> None:
    ids = ["a", "a", "a", "b"]
    rows = [
        of_units(SFT, units, acts=ids, seed=seed)
        for seed, units in enumerate([[1, 1, 0, 0], [1, 1, 1, 1]])
    ]
    found = after(rows, "sft")
    assert found["mean"] == 75.0  # of 50 and 100
    assert (found["seeds"], found["acts"], found["prompts"]) == (2, 2, 4)
    assert (found["seed_minimum"], found["seed_maximum"]) == (50.0, 100.0)
    assert found["seed_deviation"] == pytest.approx(50 / math.sqrt(2))


def test_acts_that_agree_leave_the_error_of_the_seeds() -> None:
    values = [0.2, 0.5, 0.3, 0.9, 0.4]
    rows = [
        of_units(SFT, [value] * 8, name="refusal_margin", seed=seed)
        for seed, value in enumerate(values)
    ]
    found = after(rows, "sft", "refusal_margin")
    error = np.std(values, ddof=1) / math.sqrt(5)
    assert found["standard_error"] == pytest.approx(error, rel=0.03)  # B = 4999
    # Student's t of 4 degrees of freedom: acts add no variance.
    half = 2.77645 * found["standard_error"]
    assert found["low"] == pytest.approx(0.46 - half, abs=1e-5)
    assert found["high"] == pytest.approx(0.46 + half, abs=1e-5)


def test_one_seed_leaves_the_error_of_the_acts_not_of_the_prompts() -> None:
    of_act = np.random.default_rng(0).normal(size=30)
    ids = [f"a{k}" for k in range(30) for _ in range(4)]
    rows = [of_units(SFT, of_act.repeat(4), name="refusal_margin", acts=ids)]
    found = after(rows, "sft", "refusal_margin")
    error = of_act.std(ddof=1) / math.sqrt(30)
    assert found["standard_error"] == pytest.approx(error, rel=0.04)
    assert found["seed_deviation"] is None


def test_no_harm_at_all_still_has_an_interval() -> None:
    found = after([of_units(SFT, [0] * 40, seed=seed) for seed in range(3)], "sft")
    assert (found["mean"], found["low"]) == (0.0, 0.0)
    assert found["high"] == pytest.approx(8.81, abs=0.01)  # Clopper and Pearson, n = 40
    found = after([of_units(SFT, [1] * 40)], "sft")
    assert found["low"] == pytest.approx(91.19, abs=0.01)


def test_the_change_is_paired() -> None:
    before = study_rows.entry("harmful_score", [0, 0, 1, 0], "abcd")
    now = study_rows.entry("harmful_score", [1, 1, 1, 0], "abcd")
    metrics = {"before": {"harmful_score": before}, "after": {"harmful_score": now}}
    found = statistics.summary([row(SFT, metrics)])
    assert [(each["stage"], each["mean"]) for each in found] == [
        ("before", 25.0),
        ("after", 75.0),
        ("change", 50.0),
    ]


def test_weights_of_units_are_kept() -> None:
    entry = {
        "value": math.exp((10 * 1.0 + 30 * 2.0) / 40),
        "units": [1.0, 2.0],
        "unit_ids": ["x", "y"],
        "weights": [10, 30],
    }
    rows = [row(SFT, {"before": {}, "after": {"perplexity": entry}})]
    assert after(rows, "sft", "perplexity")["mean"] == pytest.approx(math.exp(1.75))


def test_the_interval_of_a_perplexity_is_that_of_its_logarithm() -> None:
    nats = np.random.default_rng(0).normal(2.5, 1.5, 12)
    found = after([of_units(SFT, nats, name="perplexity")], "sft", "perplexity")
    assert 0 < found["low"] < found["mean"] < found["high"]
    assert found["low"] * found["high"] == pytest.approx(found["mean"] ** 2)
    error = found["standard_error"] / found["mean"]
    half = 2.20099 * error  # Student's t of 11 degrees of freedom
    assert math.log(found["high"] / found["mean"]) == pytest.approx(half, rel=1e-5)


def perplexities(texts, seed: int = 0, *, sized: bool = True) -> study_rows.Row:
    """A row whose texts have (tokens, nats per token)."""
    tokens, rates = np.array(texts).T
    scale = len(tokens) / tokens.sum()
    found = study_rows.entry("perplexity", tokens * rates * scale, map(str, tokens))
    if sized:
        found["sizes"] = (tokens * scale).tolist()
    return row(SFT, {"before": {}, "after": {"perplexity": found}}, seed=seed)


def test_the_lengths_of_texts_do_not_widen_a_perplexitys_interval() -> None:
    texts = [(8, 1.6), (200, 1.5), (30, 1.7), (90, 1.4)]
    found = after([perplexities(texts)], "sft", "perplexity")
    low, high = found["low"], found["high"]
    assert math.exp(1.2) < low < found["mean"] < high < math.exp(1.9)
    wide = after([perplexities(texts, sized=False)], "sft", "perplexity")
    assert wide["mean"] == pytest.approx(found["mean"])
    assert wide["high"] / wide["low"] > high / low


@pytest.mark.parametrize(
    "rows",
    [
        [perplexities([(2, 5.0), (2000, 0.9)])],
        [perplexities([(2, 5.0), (2000, 0.9)], sized=False)],
        [perplexities([(9, r), (11, r)], seed) for seed, r in enumerate([0.1, 7.0])],
        [perplexities([(9, 0.001), (10, 0.002), (11, 0.9)])],
    ],
)
def test_a_perplexity_lies_between_1_and_what_was_seen(rows) -> None:
    found = after(rows, "sft", "perplexity")
    assert 1 <= found["low"] <= found["mean"] <= found["high"]
    assert found["high"] <= 10 * max(found["mean"], math.exp(7.0))


def test_seeds_with_and_without_sizes_are_compared_as_without() -> None:
    texts = [(8, 1.6), (200, 1.5), (30, 1.7)]
    mixed = [perplexities(texts, 0), perplexities(texts, 1, sized=False)]
    plain = [perplexities(texts, seed, sized=False) for seed in (0, 1)]
    assert after(mixed, "sft", "perplexity") == after(plain, "sft", "perplexity")


def test_sign_flips_agree_with_all_sign_patterns() -> None:
    harm = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 0])
    less = np.array([0, 0, 1, 0, 0, 1, 0, 0, 1, 0])
    rows = [of_units(VACCINE, less), of_units(SFT, harm)]
    (found,) = statistics.differences(rows)
    delta = (less - harm)[less != harm]
    sums = [
        abs(np.dot(s, delta)) for s in itertools.product((1, -1), repeat=len(delta))
    ]
    share = np.mean(np.array(sums) >= abs(delta.sum()))
    error = math.sqrt(share * (1 - share) / 4999)
    assert found["difference"] == pytest.approx(-40.0)
    assert found["p_acts"] == pytest.approx(share, abs=4 * error)
    assert found["p_value"] >= found["p_acts"]


def test_identical_models_do_not_differ() -> None:
    rows = [
        of_units(each, [0, 1, 0, 1], seed=s) for each in (SFT, VACCINE) for s in (0, 1)
    ]
    (found,) = statistics.differences(rows)
    assert (found["difference"], found["low"], found["high"]) == (0.0, 0.0, 0.0)
    assert (found["p_value"], found["p_holm"]) == (1.0, 1.0)
    assert not found["significant"]


def test_seeds_that_disagree_forbid_what_acts_alone_would_allow() -> None:
    rows = []
    for seed, share in enumerate([0.9, 0.1, 0.9]):
        harm = (np.arange(40) < 40 * share).astype(int)
        rows += [of_units(SFT, harm, seed=seed), of_units(VACCINE, [0] * 40, seed=seed)]
    (found,) = statistics.differences(rows)
    assert found["p_acts"] < 0.001
    assert found["p_value"] > 0.05
    assert not found["significant"]
    assert found["seeds_agreeing"] == 3


def test_holm_takes_in_all_that_is_returned() -> None:
    found = statistics.differences(study_rows.study(seeds=2), draws=499)
    assert len(found) == 3 * 4 * 3  # arms, shares, metrics
    ranked = sorted(found, key=lambda each: each["p_value"])
    running = 0.0
    for rank, each in enumerate(ranked):
        running = max(running, min(1.0, each["p_value"] * (len(ranked) - rank)))
        assert each["p_holm"] == pytest.approx(running)


def test_a_true_difference_is_found_and_its_size_is_right() -> None:
    found = statistics.differences(
        study_rows.study(poisons=(0.2,)), metrics=["harmful_score"]
    )
    vaccine = next(each for each in found if each["method"] == "vaccine")
    # 0.7 and 0.3 times 1 - exp(-2.4), strengths halved by neither, over 1.2
    truth = 100 * (0.3 - 0.7) / 1.2 * (1 - math.exp(-2.4))
    assert vaccine["low"] < truth < vaccine["high"]
    assert vaccine["significant"]
    assert vaccine["seeds_agreeing"] == 5


def test_the_detectable_difference_by_hand() -> None:
    of_act = np.random.default_rng(3).normal(size=201)
    rows = [
        of_units(SFT, np.zeros(201), name="refusal_margin"),
        of_units(VACCINE, of_act, name="refusal_margin"),
    ]
    (found,) = statistics.differences(rows)
    # One comparison and 200 degrees of freedom: t of 0.975 plus t of 0.8.
    expected = (1.9719 + 0.8434) * found["standard_error"]
    assert found["detectable"] == pytest.approx(expected, rel=1e-4)


def test_only_seeds_that_both_have_are_compared() -> None:
    rows = [of_units(SFT, [1, 1, 0, 0], seed=s) for s in (0, 1, 2)]
    rows += [of_units(VACCINE, [0, 0, 0, 0], seed=s) for s in (1, 2, 3)]
    (found,) = statistics.differences(rows)
    assert (found["seeds"], found["difference"]) == (2, -50.0)


def test_a_sweep_is_compared_value_by_value() -> None:
    rows = [
        of_units(each, [0, 1], settings={"attack": {"steps": steps}})
        for each in (SFT, VACCINE)
        for steps in (60, 240)
    ]
    found = statistics.differences(rows)
    assert [each["attack.steps"] for each in found] == [60, 240]


@pytest.mark.parametrize("deviation", [0.0, 1.0])
def test_null_studies_are_rarely_called_significant(deviation) -> None:
    generator = np.random.default_rng(1)
    count, hits, covered = 120, 0, 0
    for _ in range(count):
        acts = generator.normal(0, 1, 20)
        rows = []
        for seed, each in itertools.product(range(5), (SFT, VACCINE)):
            units = acts + generator.normal(0, deviation) + generator.normal(0, 0.3, 20)
            rows.append(of_units(each, units, name="refusal_margin", seed=seed))
        (found,) = statistics.differences(rows, draws=299)
        hits += found["significant"]
        covered += found["low"] <= 0 <= found["high"]
    # Binomial: more than 12 of 120 at 5 % has a chance below 0.01.
    assert hits <= 12
    assert covered >= count - 14


def test_the_same_seed_gives_the_same_numbers() -> None:
    rows = study_rows.study(poisons=(0.1,), seeds=3)
    assert statistics.summary(rows) == statistics.summary(rows)
    assert statistics.differences(rows, seed=1) == statistics.differences(rows, seed=1)
    assert statistics.differences(rows, seed=1) != statistics.differences(rows, seed=2)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([], ValueError, "at least one result"),
        ([1], TypeError, r"rows\[0\] must be a dict, got int"),
        ([{"method": "sft"}], ValueError, r"rows\[0\] must have 'rho'"),
        ([of_units(SFT, [0, 1])] * 2, ValueError, "'SFT' of seed 0 again"),
        (
            [of_units(SFT, [0, 1]), of_units(SFT, [0, 1], acts="ab", seed=1)],
            ValueError,
            "same unit_ids for all seeds, but seed 1",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, error, words) -> None:
    with pytest.raises(error, match=words):
        statistics.summary(rows)


def test_a_value_that_its_units_do_not_give_is_refused() -> None:
    wrong = of_units(SFT, [0, 1])
    wrong["metrics"]["after"]["harmful_score"]["value"] = 51.0
    with pytest.raises(ValueError, match="value that its units give, 50, got 51"):
        statistics.summary([wrong])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence": 1.0}, "confidence must be above 0.0 and below 1.0"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"baseline": "vacine"}, "Did you mean 'vaccine'"),
        ({"metrics": ["harmfulscore"]}, "Did you mean 'harmful_score'"),
    ],
)
def test_arguments_out_of_range_are_named(options, words) -> None:
    rows = [of_units(SFT, [0, 1]), of_units(VACCINE, [0, 1])]
    with pytest.raises(ValueError, match=words):
        statistics.differences(rows, **options)
