"""What stages cost in trained rows, by which a study tells how long it will take."""

from __future__ import annotations

import pytest
from study_support import tiny_study, write_study_model

from vaccine_swift.study.inputs import Inputs
from vaccine_swift.study.plan import Plan
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Store


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_study_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(("dropout", "plain"), [(0.0, 0.65), (0.1, 1.0)])
def test_plain_rows_cost_less_where_they_share_their_beginning(
    model, tmp_path, dropout, plain
) -> None:
    config = tiny_study(
        model,
        methods=("sft", "vaccine", "random"),
        dropout=dropout,
        drift_prompts=3,
        drift_every=2,
    )
    store = Store(tmp_path / "study")
    plan = Plan(config, Workshop(Inputs(config.model), store), store)
    costs = {
        trial.method: {name: stage.cost for name, stage in stages.items()}
        for trial, stages in plan.grid
    }
    # Two steps of three rows; two of Vaccine's passes; noise is each row's own.
    assert costs["sft"]["align"] == pytest.approx(6 * plain)
    assert costs["vaccine"]["align"] == 12
    assert costs["random"]["align"] == 6
    # Three steps of two rows, and at three points the states of three prompts of
    # each kind.
    for each in costs.values():
        assert each["attack"] == pytest.approx(6 * plain + 0.3 * 3 * 6)
