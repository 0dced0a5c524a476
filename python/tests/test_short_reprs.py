"""Objects that hold arrays say how much they hold, in one line."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_models import batch, small, with_adapter

import vaccine_swift as vs
from vaccine_swift import methods, repair, study
from vaccine_swift._short_repr import short_repr


@dataclasses.dataclass
class Held:
    values: object
    hidden: int = dataclasses.field(default=1, repr=False)

    __repr__ = short_repr


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros((3, 4), np.float32), "float32 [3, 4]"),
        (np.float64(0.5), repr(np.float64(0.5))),
        (list(range(8)), "[0, 1, 2, 3, 4, 5, 6, 7]"),
        (list(range(9)), "list [9]"),
        (({"text": "a"},), "tuple [1]"),
        ({"rows": 3, "limit": None}, "{'rows': 3, 'limit': None}"),
        ({"rows": [1]}, "dict [1]"),
        ("a whole sentence", "'a whole sentence'"),
        (None, "None"),
    ],
)
def test_a_field(values, told) -> None:
    assert repr(Held(values)) == f"Held(values={told})"


def test_examples_and_batches() -> None:
    assert repr(vs.Example([5], [5])) == "Example(1 token, 0 supervised)"
    assert (
        repr(vs.Example([5, 6, 7], [-100, 6, 7])) == "Example(3 tokens, 2 supervised)"
    )
    assert repr(batch()) == "Batch(2 sequences, 11 tokens, 9 supervised)"
    long = vs.Batch.pack([vs.Example([1] * 4000, [1] * 4000)] * 300)
    assert repr(long) == "Batch(300 sequences, 1200000 tokens, 1199700 supervised)"


def test_what_a_step_tells() -> None:
    model = with_adapter(small())
    report = repr(model.forward_backward(batch(), method=vs.Vaccine(rho=1.0)))
    assert ", perturbation_norms=float64 [2], " in report
    found = repr(model.engine.attention_gradients(batch()))
    assert found.startswith("AttentionGradients(loss=")
    assert found.endswith(", squared_norms=float64 [2])")


def test_what_a_method_is_given() -> None:
    given = methods.Given(np.zeros((2, 11, 16), np.float32))
    assert repr(given) == "Given(values=float32 [2, 11, 16])"
    reference = methods.Reference(np.zeros((9, 64), np.float32), weight=0.5)
    told = "Reference(log_probabilities=float32 [9, 64], weight=0.5)"
    assert repr(reference) == told


def test_what_a_study_measures() -> None:
    row = {"instruction": "Add.", "input": "1 1", "output": "2"}
    task = study.Task("sums", (row,) * 20, (row,), None)
    told = "Task(name='sums', train=tuple [20], test=tuple [1], labels=None)"
    assert repr(task) == told
    measured = study.Measured(
        "harmful_score", 5.0, [0] * 19 + [1], ["act"] * 20, "paper", {"rows": 20}
    )
    assert repr(measured) == (
        "Measured(name='harmful_score', value=5.0, units=list [20], "
        "unit_ids=list [20], profile='paper', details={'rows': 20}, sizes=None)"
    )


def test_what_a_repair_did() -> None:
    modules = (repair.RepairedModule("q_proj", 0.5, True),) * 210
    assert repr(repair.RepairReport(modules)) == "RepairReport(modules=tuple [210])"
