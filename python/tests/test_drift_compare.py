"""Two models over one data set: what reaches the accumulator, and what it means."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_tokenizers import byte_tokenizer

import vaccine_swift as vs
from vaccine_swift import drift

SEQUENCES = [(k, 2 + k % 4) for k in range(1, 12)]
DATA = [
    vs.Example(list(range(start, start + n)), [-100, *range(start + 1, start + n)])
    for start, n in SEQUENCES
]
FIRST = [index < 5 for index in range(len(DATA))]


@pytest.fixture(scope="module")
def models() -> tuple[vs.CausalLM, vs.CausalLM]:
    before = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    return before, vs.CausalLM.from_config(vs.tiny_config(), seed=1)


def values(report: drift.Report, name: str) -> list[float]:
    return [layer[name]["value"] for layer in report.to_dict()["layers"]]


def brute_force(models: Any, what: str, pool: str, chosen: Any) -> list[float]:
    """Relative drift per layer from each example's states alone, in float64."""
    moved, size = 0.0, 0.0
    for index, example in enumerate(DATA):
        if not chosen[index]:
            continue
        one = vs.Batch.pack([example])
        x, y = (
            model.hidden_states(one, what=what, pool=pool).astype(np.float64)
            for model in models
        )
        moved += np.sum((y - x) ** 2, axis=(1, 2))
        size += np.sum(x**2, axis=(1, 2))
    return np.sqrt(moved / size).tolist()


@pytest.mark.parametrize("what", ["attention", "residual", "mlp"])
@pytest.mark.parametrize("pool", ["tokens", "last", "mean", "response"])
def test_relative_drift_is_that_of_each_example_alone(models, what, pool) -> None:
    measured = drift.compare(*models, DATA, what=what, pool=pool, batch_size=4)
    report = measured.report(tests=[])
    expected = brute_force(models, what, pool, [True] * len(DATA))
    np.testing.assert_allclose(values(report, "relative_drift"), expected, rtol=1e-6)


def test_the_batch_size_changes_nothing_but_rounding(models) -> None:
    whole, parts = (
        drift.compare(*models, DATA, batch_size=size).report(tests=[])
        for size in (len(DATA), 3)
    )
    for name in ("relative_drift", "cosine", "rms"):
        np.testing.assert_allclose(values(whole, name), values(parts, name), rtol=1e-6)


def test_a_model_does_not_drift_from_itself(models) -> None:
    report = drift.compare(models[0], models[0], DATA).report(tests=[])
    assert values(report, "relative_drift") == [0.0, 0.0]
    np.testing.assert_allclose(values(report, "cosine"), 1, rtol=1e-12)


def test_groups_hold_their_own_prompts(models) -> None:
    groups = {"first": FIRST, "rest": [not each for each in FIRST]}
    measured = drift.compare(*models, DATA, groups=groups, batch_size=4)
    content = measured.report(tests=[]).to_dict()
    for name, mask in groups.items():
        part = content["groups"][name]
        assert part["prompts"] == sum(mask)
        found = [layer["relative_drift"]["value"] for layer in part["layers"]]
        expected = brute_force(models, "attention", "tokens", mask)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_chosen_layers_are_those_of_all(models) -> None:
    everything = drift.compare(*models, DATA).report(tests=[])
    last = drift.compare(*models, DATA, layers=[-1]).report(tests=[])
    assert values(last, "cosine") == values(everything, "cosine")[1:]


def test_ids_and_groups_come_from_the_rows_of_a_dataset(models) -> None:
    tokenizer = byte_tokenizer()
    config = vs.tiny_config(vocab_size=len(tokenizer))
    pair = [vs.CausalLM.from_config(config, seed=seed) for seed in (0, 1)]
    rows = [
        {"prompt": "Hi" * (k + 1), "completion": "Bye", "id": f"p-{k}", "kind": kind}
        for k, kind in enumerate(["a", "b", "a"])
    ]
    dataset = vs.data.load(rows, tokenizer)
    content = drift.compare(*pair, dataset, groups="kind").report(tests=[]).to_dict()
    assert sorted(content["prompts"]["ids"]) == ["p-0", "p-1", "p-2"]
    assert {name: part["prompts"] for name, part in content["groups"].items()} == {
        "a": 2,
        "b": 1,
    }
    with pytest.raises(ValueError, match="Did you mean 'kind'"):
        drift.compare(*pair, dataset, groups="knd")
    with pytest.raises(ValueError, match="ids must be distinct, 'a' stands at 0 and 2"):
        drift.compare(*pair, dataset, ids="kind")


@pytest.mark.parametrize(
    ("make", "column", "expected"),
    [
        # A column that is called as what the template renders.
        (
            lambda k: {"instruction": f"Say {k}", "output": "So.", "prompt": "xyx"[k]},
            "prompt",
            {"x": 2, "y": 1},
        ),
        # Columns of the format itself, not as the template puts them into words.
        (
            lambda k: {"prompt": ["Hi", "Yo", "Hi"][k], "completion": "Bye"},
            "prompt",
            {"Hi": 2, "Yo": 1},
        ),
        (
            lambda k: {"instruction": "Say it", "input": "aba"[k], "output": "So."},
            "input",
            {"a": 2, "b": 1},
        ),
        (
            lambda k: {"prompt": "Hi", "response": "Bye", "category": "ppq"[k]},
            "response",
            {"Bye": 3},
        ),
    ],
)
def test_a_column_is_that_of_the_data(make, column, expected) -> None:
    tokenizer = byte_tokenizer()
    config = vs.tiny_config(vocab_size=len(tokenizer))
    pair = [vs.CausalLM.from_config(config, seed=seed) for seed in (0, 1)]
    dataset = vs.data.load([make(k) for k in range(3)], tokenizer)
    content = drift.compare(*pair, dataset, groups=column).report(tests=[]).to_dict()
    found = {name: part["prompts"] for name, part in content["groups"].items()}
    assert found == expected
    rendered = dataset.rows[0]["prompt"]
    assert rendered.startswith("Below is an instruction")
    whole = drift.compare(*pair, dataset, groups="completion").report(tests=[])
    assert sum(part["prompts"] for part in whole.to_dict()["groups"].values()) == 3


@pytest.mark.parametrize("data", ["probe.jsonl", Path("probe.jsonl"), ["Hi"], [[1, 2]]])
def test_what_are_no_examples_says_what_makes_them(models, data) -> None:
    with pytest.raises(
        TypeError, match="data.load makes them of rows, load_prompts of"
    ):
        drift.compare(*models, data)


def test_the_report_says_what_was_compared(models) -> None:
    measured = drift.compare(*models, DATA, pool="last", metadata={"run": 7})
    told = measured.report(tests=[]).to_dict()["settings"]["metadata"]
    assert told["what"] == "attention"
    assert told["pool"] == "last"
    assert told["run"] == 7
    assert "2 layers" in told["reference"]


def test_shards_of_the_prompts_merge_to_the_whole(models) -> None:
    ids = [f"p{k}" for k in range(len(DATA))]
    whole = drift.compare(*models, DATA, ids=ids)
    a = drift.compare(*models, DATA[:4], ids=ids[:4])
    b = drift.compare(*models, DATA[4:], ids=ids[4:])
    merged = b.merge(a).report(tests=["signflip"]).to_dict()
    whole = whole.report(tests=["signflip"]).to_dict()
    for ours, theirs in zip(merged["layers"], whole["layers"], strict=True):
        for name, entry in ours.items():
            # The Booster profile sums norms of updates, which shards cut otherwise.
            if math.isfinite(entry["value"]) and name != "hed_booster_code":
                assert entry["value"] == pytest.approx(
                    theirs[name]["value"], rel=1e-5
                ), name
    assert merged["tests"]["signflip"]["p_value"] == pytest.approx(
        whole["tests"]["signflip"]["p_value"], abs=0.01
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"dataset": []}, ValueError, "dataset must hold at least one Example"),
        ({"dataset": [[1, 2]]}, TypeError, "dataset[0] must be an Example"),
        ({"what": "attn"}, ValueError, "what must be one of"),
        ({"pool": "lst"}, ValueError, "Did you mean 'last'"),
        ({"layers": [5]}, ValueError, "layers must rise strictly"),
        ({"tier": "lite"}, ValueError, "tier"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"ids": [1, 2]}, ValueError, "ids must have one entry per example"),
        ({"ids": [0.5] * 11}, TypeError, "ids[0] must be an int or a str"),
        ({"ids": [1] * 11}, ValueError, "ids must be distinct"),
        ({"ids": ["a", *range(10)]}, TypeError, "all int or all str"),
        ({"ids": "name"}, ValueError, "needs a Dataset with rows"),
        ({"groups": {"a": [True]}}, ValueError, "groups['a'] must be bool of shape"),
        ({"groups": {"a": [1] * 11}}, ValueError, "groups['a'] must be bool"),
        ({"groups": [True]}, TypeError, "groups must be"),
        ({"current_model": None}, TypeError, "current_model must be a CausalLM"),
        ({"surplus": 1}, TypeError, "surplus"),
    ],
)
def test_bad_arguments_name_themselves(models, arguments, error, words) -> None:
    whole = {"reference_model": models[0], "current_model": models[1]}
    whole = whole | {"dataset": DATA} | arguments
    with pytest.raises(error) as caught:
        drift.compare(**whole)
    assert words in str(caught.value)


def test_models_of_another_depth_are_refused(models) -> None:
    deep = vs.CausalLM.from_config(vs.tiny_config(num_hidden_layers=3))
    with pytest.raises(ValueError, match="2 layers, got 3: choose by layers"):
        drift.compare(models[0], deep, DATA)


def test_a_response_that_is_missing_is_named(models) -> None:
    data = [*DATA, vs.Example([1, 2], [-100, -100])]
    with pytest.raises(ValueError, match=r"dataset\[11\] has none"):
        drift.compare(*models, data, pool="response")
