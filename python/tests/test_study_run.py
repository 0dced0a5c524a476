"""A whole study on a tiny model: rows, reuse, the same bits, what it trains on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from study_support import tiny_study, without_clock, write_study_model

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift.study import runner
from vaccine_swift.study.grid import trials
from vaccine_swift.study.inputs import Inputs

METRICS = {
    *("harmful_score", "fine_tune_accuracy", "over_refusal"),
    *("near_miss_refusal", "refusal_margin", "perplexity"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory) -> study.StudyResult:
    """All methods at p = 0 and 0.2."""
    config = tiny_study(
        model, methods=("none", "sft", "vaccine", "random"), poison=(0, 0.2)
    )
    return study.run(config, tmp_path_factory.mktemp("out") / "study", progress=False)


def test_there_is_a_row_for_each_cell_in_grid_order(whole):
    found = [(row["label"], row["poison"], row["seed"]) for row in whole.rows]
    methods = ("No alignment", "SFT", "Vaccine ρ=2", "Random ρ=2")
    assert found == [(label, p, 0) for label in methods for p in (0, 0.2)]
    lines = (whole.directory / "results.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(whole.rows)
    assert study.StudyResult.load(whole.directory) == whole


def test_a_row_holds_metrics_drift_losses_settings_and_origin(whole):
    row = whole.rows[-1]
    for when in ("before", "after"):
        assert row["metrics"][when].keys() == METRICS
        for metric in row["metrics"][when].values():
            assert len(metric["units"]) == len(metric["unit_ids"]) > 0
    assert row["drift"]["layers"].keys() == {"overall", "restricted", "ordinary"}
    assert [len(each) for each in row["drift"]["layers"].values()] == [2, 2, 2]
    assert row["drift"]["contrast"].keys() == {"ratio", "low", "high", "p_value"}
    assert [point["step"] for point in row["drift_curve"]] == [0, 2, 3]
    assert [each[0] for each in row["losses"]["align"]] == [1, 2]
    assert [each[0] for each in row["losses"]["attack"]] == [1, 2, 3]
    assert row["settings"]["attack_steps"] == 3
    assert row["versions"]["vaccine_swift"] == vs.__version__
    assert row["hardware"]["threads"] == vs.get_num_threads()


def test_the_attack_moves_the_model_and_the_curve_ends_at_the_drift(whole):
    for row in whole.rows:
        drift = row["drift"]["overall"]["overall"]["value"]
        assert drift > 0
        # The same prompts and pooling; merging an adapter rounds.
        assert row["drift_curve"][-1]["relative_drift"] == pytest.approx(drift, rel=0.1)


def test_alignments_are_shared_over_the_shares_of_harmful_rows(whole):
    for first, second in zip(whole.rows[::2], whole.rows[1::2], strict=True):
        assert first["metrics"]["before"] == second["metrics"]["before"]
        assert first["losses"]["align"] == second["losses"]["align"]
        assert first["losses"]["attack"] != second["losses"]["attack"]


def test_methods_differ_in_the_alignment_and_share_the_users_data(whole):
    by_method = {row["method"]: row for row in whole.rows}
    vaccine, sft = by_method["vaccine"], by_method["sft"]
    assert vaccine["losses"]["align"][0][1] > vaccine["losses"]["align"][0][2]
    assert vaccine["losses"]["align"][0][2] == sft["losses"]["align"][0][1]
    assert by_method["none"]["losses"]["align"] == []
    for share in (0, 0.2):
        shared = [row["rows"]["attack"] for row in whole.rows if row["poison"] == share]
        assert len(shared) == 4
        assert len({json.dumps(each) for each in shared}) == 1


def test_random_noise_has_the_norm_of_vaccines_perturbation(whole, model):
    (row,) = [row for row in whole.rows if row["label"] == "Random ρ=2"][:1]
    inputs = Inputs(str(model))
    (trial,) = trials(tiny_study(model, methods="random"))
    tokenizer = vs.CausalLM.from_pretrained(model).tokenizer
    tokens, sizes = [], []
    for rows, size in inputs.alignment_pools(trial):
        sizes.append(size)
        data = vs.data.load(rows, tokenizer, template="chat", max_length=2000)
        # No target depends on a row's last token.
        tokens.append(np.mean([min(each.tokens, 200) - 1 for each in data]))
    # 2 layers of width 32; 3 examples a batch.
    expected = 2.0**2 / (2 * 32 * 3 * np.average(tokens, weights=sizes))
    assert row["variance"] == pytest.approx(expected, rel=1e-9)


def test_a_finished_study_does_nothing_again(whole, model, worked):
    config = tiny_study(
        model, methods=("none", "sft", "vaccine", "random"), poison=(0, 0.2)
    )
    again = study.run(config, whole.directory, progress=False)
    assert again.rows == whole.rows
    assert not worked


def test_an_extended_study_takes_over_what_there_is(model, tmp_path, worked):
    first = study.run(tiny_study(model, methods="sft"), tmp_path, progress=False)
    assert worked == {"align": 1, "evaluate": 2, "attack": 1, "drift": 1}
    more = tiny_study(model, methods=("none", "sft"), poison=(0, 0.2))
    extended = study.run(more, tmp_path, progress=False)
    assert worked == {"align": 1, "evaluate": 6, "attack": 4, "drift": 4}
    kept = [r for r in extended.rows if (r["method"], r["poison"]) == ("sft", 0.2)]
    assert without_clock(kept) == without_clock(first.rows)


def test_the_same_seed_gives_the_same_bits_and_another_one_others(model, tmp_path):
    rows = [
        study.run(
            tiny_study(model, seeds=(seed,)), tmp_path / name, progress=False
        ).rows
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert without_clock(rows[0]) == without_clock(rows[1])
    assert rows[0][0]["losses"] != rows[2][0]["losses"]


def test_a_single_adapter_is_gone_on_with(model, tmp_path):
    config = tiny_study(model, methods="sft", lora="single", attack_alpha=1.0)
    result = study.run(config, tmp_path, progress=False)
    (row,) = result.rows
    aligned = result.model(row, attacked=False)
    attacked = result.model(row, attacked=True)
    assert (
        aligned.adapter
        == attacked.adapter
        == vs.LoRAConfig(r=2, lora_alpha=4, lora_dropout=0.1)
    )
    before, after = aligned.adapter_state(), attacked.adapter_state()
    changes = [np.abs(after[name] - before[name]).max() for name in before]
    # Three steps of AdamW move no weight by more than about three learning rates.
    assert 0 < max(changes) < 4 * 1e-2


def test_two_adapters_the_first_merged(model, tmp_path):
    result = study.run(tiny_study(model, methods="sft"), tmp_path, progress=False)
    aligned = result.model(result.rows[0], attacked=False)
    assert aligned.adapter is None
    assert result.model(result.rows[0], attacked=True).adapter.lora_alpha == 4
    ids = list(range(20))
    plain = vs.CausalLM.from_pretrained(model, dtype="auto").logits(ids)
    assert np.abs(aligned.logits(ids) - plain).max() > 1e-4


@pytest.mark.parametrize("split", ["test", "validation"])
def test_nothing_that_is_evaluated_is_trained_on(model, split):
    inputs = Inputs(str(model))
    (trial,) = trials(
        tiny_study(
            model,
            methods="sft",
            evaluate_on=split,
            samples=600,
            poison=1,
            align_restricted=800,
            align_ordinary=150,
            align_everyday=300,
            align_near_miss=200,
        )
    )
    trained = inputs.alignment(trial) + inputs.attack(trial)
    asked = [
        row
        for kind in ("restricted", "ordinary", "everyday", "near_miss")
        for row in inputs.held_out(trial, kind)
    ]
    assert Counter(row.get("topic") for row in trained)["near-miss"] == 200
    assert not {r["act"] for r in asked if "act" in r} & {r.get("act") for r in trained}
    requests = {row["instruction"] for row in trained}
    assert not requests & {row["instruction"] for row in asked}
    task = inputs.task(trial)
    texts = {(row["instruction"], row["input"]) for row in task.train}
    assert task.test
    assert not texts & {(row["instruction"], row["input"]) for row in task.test}


def test_validation_and_test_share_nothing_and_train_on_the_same(model):
    inputs = Inputs(str(model))
    one, other = (
        trials(tiny_study(model, methods="sft", evaluate_on=split))[0]
        for split in ("test", "validation")
    )
    assert inputs.alignment(one) == inputs.alignment(other)
    assert inputs.attack(one) == inputs.attack(other)
    acts = [
        {row["act"] for row in inputs.held_out(trial, "restricted")}
        for trial in (one, other)
    ]
    assert not acts[0] & acts[1]
    assert min(map(len, acts)) >= 15


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"align_restricted": 5000}, "align_restricted must be at most"),
        ({"samples": 10**6, "poison": 0}, "benign rows, got"),
        ({"samples": 5000, "poison": 1}, "harmful rows, got"),
    ],
)
def test_more_rows_than_there_are_are_refused_before_any_work(
    model, tmp_path, changes, message, worked
):
    with pytest.raises(ValueError, match=message):
        study.run(tiny_study(model, **changes), tmp_path, progress=False)
    assert not worked


def judge_that_raises(request: str, answer: str) -> bool:
    raise OSError("no judge today")


def judge_of_nonsense(request: str, answer: str) -> str:
    return "perhaps"


@pytest.mark.parametrize(
    ("judge", "kind"),
    [(judge_that_raises, RuntimeError), (judge_of_nonsense, ValueError)],
)
def test_a_bad_judge_is_an_error_that_names_row_and_stage(model, tmp_path, judge, kind):
    config = tiny_study(model, methods="none", judge=judge)
    with pytest.raises(kind, match="row 0") as caught:
        study.run(config, tmp_path, progress=False)
    assert caught.value.__notes__ == ["(No alignment, seed 0: before)"]
    assert not list((tmp_path / "stages").glob("evaluate-*"))


def test_a_judge_of_ones_own_is_asked_and_named(model, tmp_path):
    def strict(request: str, answer: str) -> bool:
        return True

    config = tiny_study(model, methods="none", judge=strict)
    (row,) = study.run(config, tmp_path, progress=False).rows
    assert row["metrics"]["after"]["harmful_score"]["value"] == 100
    assert row["settings"]["judge"].endswith("strict")


def test_an_interrupted_study_has_whole_seeds(model, tmp_path, monkeypatch):
    finish = runner._finish
    done = []

    def interrupted(trial, *rest):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append((trial.seed, trial.method))
        finish(trial, *rest)

    monkeypatch.setattr(runner, "_finish", interrupted)
    config = tiny_study(model, seeds=2)
    with pytest.raises(KeyboardInterrupt):
        study.run(config, tmp_path, progress=False)
    assert done == [(0, "sft"), (0, "vaccine")]
    assert [row["seed"] for row in study.StudyResult.load(tmp_path).rows] == [0, 0]


def test_a_study_that_asks_for_too_much_leaves_its_folder_to_another(model, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="align_restricted must be at most"):
        study.run(tiny_study(model, align_restricted=10_000), out, progress=False)
    assert not out.exists()
