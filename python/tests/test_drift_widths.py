"""Sides of different width: what needs equal rows only, against plain numpy."""

from __future__ import annotations

import json
import math
import re

import ml_dtypes
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.cli import main

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5)) * [3, 2, 1, 1, 1]
MIX = RNG.normal(size=(5, 9))
Y = X @ MIX + 0.5 * RNG.normal(size=(80, 9)) + 4


def centred(rows):
    return rows - rows.mean(0)


def unbiased_hsic(k, m):
    """Song et al. 2012, from the kernel matrices."""
    n = len(k)
    k, m = (each - np.diag(np.diag(each)) for each in (k, m))
    total = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (k @ m).sum()) / (n * (n - 3))


def cka(x, y):
    x, y = (side.astype(np.float64) for side in (x, y))
    k, m = x @ x.T, y @ y.T
    return unbiased_hsic(k, m) / math.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))


def correlations(x, y):
    bases = [np.linalg.qr(centred(side))[0] for side in (x, y)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


def neighbours(rows):
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argsort(1, kind="stable")


@pytest.mark.parametrize(("x", "y"), [(X, Y), (Y, X), (X, X[:, :2]), (X[:, :1], Y)])
def test_metrics_of_other_widths_are_those_of_numpy(x, y) -> None:
    layer = drift.PairedRows(x, y).report().to_dict()["layers"][0]
    found = {name: entry["value"] for name, entry in layer.items()}
    assert found["cka"] == pytest.approx(cka(x, y), rel=1e-9)
    assert found["cca"] == pytest.approx(correlations(x, y).mean(), rel=1e-9)
    products = [centred(side).T @ centred(side) for side in (x, y)]
    cross = centred(x).T @ centred(y)
    expected = np.sum(cross**2) / np.prod([np.linalg.norm(each) for each in products])
    assert found["cka_biased"] == pytest.approx(expected, rel=1e-9)
    nuclear = np.linalg.svd(cross, compute_uv=False).sum()
    traces = [np.trace(each) for each in products]
    rest = sum(traces) - 2 * nuclear
    assert found["procrustes"] == pytest.approx(rest, rel=1e-9, abs=1e-9)
    angle = math.acos(min(1, nuclear / math.sqrt(traces[0] * traces[1])))
    assert found["procrustes_angle"] == pytest.approx(angle, abs=1e-7)
    fitted = np.linalg.lstsq(centred(x), centred(y), rcond=None)[0]
    residual = np.sum((centred(y) - centred(x) @ fitted) ** 2) / traces[1]
    assert found["linear_residual"] == pytest.approx(residual, abs=1e-9)


@pytest.mark.parametrize("k", [1, 4, 79])
def test_neighbours_of_other_widths_are_those_of_numpy(k) -> None:
    first, second = neighbours(X), neighbours(Y)
    shared = [
        len({*a} & {*b}) / k for a, b in zip(first[:, :k], second[:, :k], strict=True)
    ]
    assert drift.knn_overlap(X, Y, k=k) == pytest.approx(np.mean(shared), rel=1e-12)
    kept = [a[0] in b for a, b in zip(first, second[:, :k], strict=True)]
    assert drift.recall_at_k(X, Y, k=k) == np.mean(kept)


def test_recall_of_many_rows_is_that_of_few_at_a_time() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1200, 3)).astype(np.float32)
    y = x[:, :2] + 0.1 * rng.normal(size=(1200, 2)).astype(np.float32)
    first, second = neighbours(x.astype(float)), neighbours(y.astype(float))
    kept = [a[0] in b[:5] for a, b in zip(first, second, strict=True)]
    found = drift.recall_at_k(x, y, k=5, ids=range(1200))
    assert found == pytest.approx(np.mean(kept), abs=1 / 1200)
    low, high = found.interval
    assert low < found < high
    assert high - low == pytest.approx(
        2 * 1.96 * np.std(kept) / math.sqrt(1200), rel=0.15
    )


def test_equal_rows_are_their_own_neighbours() -> None:
    twice = np.repeat(X[:10], 2, axis=0)
    assert drift.recall_at_k(twice, twice, k=1) == 1.0
    assert drift.recall_at_k(np.ones((9, 2)), np.ones((9, 3)), k=1) == 1.0


@pytest.mark.parametrize(
    "function",
    [drift.cka, drift.cca, drift.procrustes, drift.subspace_overlap],
)
def test_a_function_of_one_width_says_what_compares_others(function) -> None:
    with pytest.raises(ValueError, match=r"\[80, 9\]; .* compared by PairedRows"):
        function(X, Y)
    with pytest.raises(ValueError, match="compared by two_sample"):
        function(X, Y[:9])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"y": Y[:9]}, ValueError, "y must have the 80 rows of x, got 9"),
        ({"k": 80}, ValueError, "k must be at least 1 and at most 79"),
        ({"y": np.where(Y > 5, np.nan, Y)}, ValueError, "y must be finite"),
        ({"x": np.where(X > 2, np.inf, X)}, ValueError, "x must be finite"),
        ({"confidence": 1.0}, ValueError, "confidence"),
        ({"ids": [1, 2]}, ValueError, "ids must have one id for each of 80 rows"),
    ],
)
def test_bad_arguments_of_recall_are_named(arguments, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        drift.recall_at_k(**{"x": X, "y": Y, **arguments})


# MARK: All of a layer together


@pytest.fixture(scope="module")
def report() -> drift.Report:
    apart = np.random.default_rng(2).normal(size=(80, 7))
    return drift.PairedRows([X, X, X], [Y, Y[:, :6], apart]).report(k=4)


def test_a_report_has_each_metric_as_its_function_gives_it(report) -> None:
    layers = report.to_dict()["layers"]
    assert [set(layer) for layer in layers] == [set(layers[0])] * 3
    ids = range(80)
    wide = np.hstack([X, np.zeros((80, 4))])
    for name in ("cka", "cca", "svcca", "pwcca", "linear_residual", "procrustes"):
        expected = getattr(drift, name)(wide, Y, ids=ids)
        entry = layers[0][name]
        assert entry["value"] == pytest.approx(float(expected), rel=1e-12)
        assert (entry["low"], entry["high"]) == pytest.approx(
            expected.interval, rel=1e-9
        )
    for name in ("knn_overlap", "recall_at_k"):
        expected = getattr(drift, name)(X, Y, k=4, ids=ids)
        entry = layers[0][name]
        assert (entry["value"], entry["low"], entry["high"]) == (
            float(expected),
            *expected.interval,
        )


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.int16, ">f4"])
def test_rows_of_any_type_are_read(kind) -> None:
    x, y = (8 * X).round().astype(kind), (8 * Y).round().astype(kind)
    plain = drift.PairedRows(x.astype(float), y.astype(float)).report(k=4)
    found = drift.PairedRows(x, y).report(k=4).to_dict()["layers"][0]
    for name, entry in plain.to_dict()["layers"][0].items():
        assert found[name]["value"] == pytest.approx(entry["value"], abs=1e-6, rel=1e-6)


def test_what_is_left_out_is_told_with_the_reason(report) -> None:
    content = report.to_dict()
    left = content["left_out"]
    assert {"relative_drift", "cosine", "frechet", "subspace_overlap"} <= set(left)
    assert not set(left) & set(content["layers"][0])
    assert set(left.values()) == {
        "the states of both sides have 5 and 9 columns, and no basis in common"
    }
    page = report.to_html()
    assert "5 and 9 columns, and no basis in common" in page
    assert "Relative drift" in page
    assert "could not be computed" not in page
    assert len(page.encode()) < 400_000
    assert "kNN overlap" in page


def test_the_layer_where_two_models_part_is_named(report) -> None:
    layer, value = report.first_layer_below(0.5)
    assert layer == 2
    assert value == report.to_dict()["layers"][2]["cka"]["value"]
    assert report.first_layer_below(0.5, metric="recall_at_k")[0] == 2
    assert report.first_layer_below(-1) is None
    with pytest.raises(ValueError, match="Did you mean 'cca'"):
        report.first_layer_below(0.5, metric="ccaa")
    with pytest.raises(ValueError, match=r"no metric 'relative_drift': the states"):
        report.first_layer_above(0.1)


def test_the_first_layer_above_a_floor_is_where_drift_begins() -> None:
    x = np.random.default_rng(0).normal(size=(4, 50, 8))
    y = x.copy()
    y[2] *= 1.01
    y[3] *= 1.2
    accumulator = drift.Accumulator(width=8, layers=4)
    accumulator.update(x, y, ids=range(50))
    found = accumulator.report(tests=[], permutations=0)
    layer, value = found.first_layer_above(1e-3)
    assert layer == 2
    assert value == pytest.approx(0.01, rel=1e-9)
    assert found.first_layer_above("bfloat16")[0] == 2
    assert found.first_layer_above(0.1) == (3, pytest.approx(0.2, rel=1e-9))
    assert found.first_layer_above(0.2001) is None
    assert found.first_layer_below(0.9999, metric="cosine") is None
    for floor, error in (
        ("float8", ValueError),
        (math.nan, ValueError),
        ("x", ValueError),
    ):
        with pytest.raises(error, match="floor must be"):
            found.first_layer_above(floor)


def test_tables_gates_and_json_work_as_of_other_reports(report, tmp_path) -> None:
    report.assert_that("recall_at_k>=0", "knn_overlap>=0", bound="value")
    with pytest.raises(drift.DriftExceeded, match="layer 2"):
        report.assert_that("cka>0.5", bound="value")
    report.to_json(tmp_path / "r.json")
    assert drift.Report.load(tmp_path / "r.json") == report
    assert "columns" in json.loads((tmp_path / "r.json").read_text())["left_out"]["rms"]
    pytest.importorskip("pandas")
    assert list(report.to_dataframe()["cka"]) == [
        layer["cka"]["value"] for layer in report.to_dict()["layers"]
    ]
    assert report._repr_html_().count("<svg") >= 1
    assert repr(report) == "Report(80 prompts, 3 layers, widths 5 and 9)"


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (([X], [Y, Y]), "current must have the 1 layer of reference, got 2"),
        ((X, Y[:7]), "current must have 80 rows, those of layer 0 of reference, got 7"),
        (([X, X[:3]], [Y, Y]), "got 3 in layer 1"),
        ((X[:1], Y[:1]), "at least 2 rows"),
        (([], []), "at least one layer"),
    ],
)
def test_rows_that_are_no_pairs_are_refused(sides, words) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        drift.PairedRows(*sides).report()


# MARK: Models and files


def test_models_of_other_widths_are_compared_by_their_rows() -> None:
    wide = {**vs.tiny_config(), "hidden_size": 64}
    before = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    after = vs.CausalLM.from_config(wide, seed=0)
    data = [vs.Example([k, 2, 3], [-100, 2, 3]) for k in range(20)]
    found = drift.compare(before, after, data, what="residual", pool="last")
    assert isinstance(found, drift.PairedRows)
    assert found.widths == [(32, 64)] * 2
    batch = vs.Batch.pack(data)
    states = [
        model.hidden_states(batch, what="residual", pool="last")
        for model in (before, after)
    ]
    content = found.report().to_dict()
    for layer, x, y in zip(content["layers"], *states, strict=True):
        assert layer["cka"]["value"] == pytest.approx(cka(x, y), abs=1e-6)
    assert content["settings"]["metadata"]["what"] == "residual"
    with pytest.raises(TypeError, match="tier"):
        drift.compare(before, after, data, tier="full")


def test_models_of_other_depth_are_compared_where_layers_are_named() -> None:
    deep = {**vs.tiny_config(), "hidden_size": 64, "num_hidden_layers": 4}
    before = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    after = vs.CausalLM.from_config(deep, seed=0)
    data = [vs.Example([k, 2, 3], [-100, 2, 3]) for k in range(20)]
    with pytest.raises(ValueError, match="2 layers, got 4: choose by layers"):
        drift.compare(before, after, data)
    found = drift.compare(before, after, data, layers=[1])
    assert found.widths == [(32, 64)]


def test_files_of_other_widths_are_compared_by_their_rows(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.stack([X, X]))
    np.save("b.npy", np.stack([Y, Y * 2]))
    words = ["drift", "a.npy", "b.npy", "--paired", "--json", "r.json"]
    assert main([*words, "--html", "r.html"]) == 0
    shown = capsys.readouterr().out
    assert "width 5 and 9" in shown
    assert "CKA" in shown
    assert "left out: " in shown
    expected = drift.PairedRows([X, X], [Y, Y * 2]).report().to_dict()["layers"]
    found = drift.Report.load("r.json").to_dict()["layers"]
    assert found[0]["cka"] == expected[0]["cka"]
    assert main([*words, "--assert", "cka>0.999"]) == 1
    for option in (["--tier", "full"], ["--floor", "float16"], ["--tests", "signflip"]):
        assert main([*words, *option]) == 2
        assert "of different width" in capsys.readouterr().err


def test_what_is_left_out_of_files_of_other_widths_is_told_once(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=X, label=np.arange(len(X)))
    np.savez("b.npz", x=Y, label=np.arange(len(Y)))
    assert main(["drift", "a.npz", "b.npz", "--paired"]) == 0
    told = capsys.readouterr().err
    for name in ("a", "b"):
        assert told.count(f"{name}.npz: the embedding is 'x'; left out: 'label'") == 1
