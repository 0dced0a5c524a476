"""Ids of prompts and groups of rows, as people have them."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = X + 0.1 * RNG.normal(size=X.shape).astype(np.float32)
LABELS = np.repeat(["de", "en", "fr"], 4)


def label_forms():
    yield "list", lambda labels: labels.tolist()
    yield "array", lambda labels: labels
    yield "series", lambda labels: pytest.importorskip("pandas").Series(labels)
    yield (
        "categories",
        lambda labels: pytest.importorskip("pandas").Series(labels, dtype="category"),
    )
    yield "arrow", lambda labels: pytest.importorskip("pyarrow").array(labels.tolist())
    yield "polars", lambda labels: pytest.importorskip("polars").Series(labels.tolist())


@pytest.mark.parametrize("form", [make for _, make in label_forms()])
def test_a_label_for_each_row_is_the_same_as_masks(form) -> None:
    plain, other = drift.Accumulator(4), drift.Accumulator(4)
    masks = {name: name == LABELS for name in ("de", "en", "fr")}
    plain.update(X, Y, ids=range(12), groups=masks)
    other.update(X, Y, ids=form(np.arange(12).astype(str)), groups=form(LABELS))
    assert other.groups == {"de": 4, "en": 4, "fr": 4}
    expected = plain.report(tests=[]).to_dict()["groups"]
    found = other.report(tests=[]).to_dict()["groups"]
    for name in masks:
        value = found[name]["overall"]["relative_drift"]["value"]
        assert value == expected[name]["overall"]["relative_drift"]["value"]


@pytest.mark.parametrize("form", [make for _, make in label_forms()])
def test_groups_of_two_samples_take_any_sequence(form) -> None:
    expected = drift.mmd(X, Y, permutations=49, groups=(LABELS, LABELS)).to_dict()
    for groups in (
        (form(LABELS), form(LABELS)),
        [form(LABELS), form(LABELS)],
        form(np.concatenate([LABELS, LABELS])),
    ):
        assert drift.mmd(X, Y, permutations=49, groups=groups).to_dict() == expected


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_row_without_a_label_is_named(missing) -> None:
    labels = [*LABELS[:7], missing, *LABELS[8:]]
    accumulator = drift.Accumulator(4)
    with pytest.raises(ValueError, match="groups has no label in row 7"):
        accumulator.update(X, Y, ids=range(12), groups=labels)
    with pytest.raises(ValueError, match="groups has no label in row 7"):
        drift.mmd(X, Y, permutations=9, groups=(np.array(labels, object), LABELS))


@pytest.mark.parametrize("mask", [X[:, 0] > 0, (X[:, 0] > 0).tolist()])
def test_a_mask_without_a_name_is_refused(mask) -> None:
    with pytest.raises(TypeError, match="got a bare mask"):
        drift.Accumulator(4).update(X, Y, ids=range(12), groups=mask)


@pytest.mark.parametrize(
    "measure",
    [
        lambda x, y: drift.Accumulator(4).update(x, y, ids=range(12)),
        lambda x, y: drift.mmd(x, y, paired=True),
        drift.knn_overlap,
        drift.cka,
        drift.procrustes,
        drift.hed,
    ],
)
def test_other_counts_of_paired_rows_name_the_unpaired_way(measure) -> None:
    with pytest.raises(ValueError, match=r"12.*got .*11.*two_sample"):
        measure(X, Y[:11])
