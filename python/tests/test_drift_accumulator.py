"""The accumulator against float64 numpy, and the laws of merging."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import _core, drift
from vaccine_swift.drift._ids import keys_of

LAYERS, PROMPTS, PER, WIDTH = 2, 40, 3, 20


def pair(seed: int = 0, scale: float = 0.1, dtype: type = np.float64):
    rng = np.random.default_rng(seed)
    x = rng.normal(1, 2, (LAYERS, PROMPTS * PER, WIDTH))
    y = x + 0.05 + scale * rng.normal(size=x.shape)
    return x.astype(dtype), y.astype(dtype), np.repeat(np.arange(PROMPTS), PER)


def filled(tier: str = "light", **options) -> drift.Accumulator:
    x, y, ids = pair()
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS, tier=tier, **options)
    acc.update(x, y, ids=ids, groups={"a": ids < 10})
    return acc


def value(report: drift.Report, metric: str, layer: int = 0) -> float:
    return report.to_dict()["layers"][layer][metric]["value"]


def test_table_metrics_equal_numpy():
    x, y, _ = pair()
    report = filled().report(tests=[], permutations=9)
    for layer in range(LAYERS):
        a, b = x[layer], y[layer]
        delta = b - a
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        expected = {
            "relative_drift": np.sqrt((delta**2).sum() / (a**2).sum()),
            "rms": np.sqrt((delta**2).mean()),
            "mean_l2": np.linalg.norm(delta, axis=1).mean(),
            "cosine": cosine.mean(),
            "hed_rms": np.sqrt((delta**2).mean()),
            "hed_paper": np.linalg.norm(delta),
            "hed_vaccine_code": (delta**2).sum(),
            "hed_booster_code": np.linalg.norm(delta),
            "mean_shift": np.linalg.norm(delta.mean(0)),
            "mahalanobis": np.sqrt((delta.mean(0) ** 2 / a.var(0, ddof=1)).sum()),
            "translation_share": len(a) * (delta.mean(0) ** 2).sum() / (delta**2).sum(),
        }
        for name, number in expected.items():
            assert value(report, name, layer) == pytest.approx(number, rel=1e-12), name
    overall = report.to_dict()["overall"]
    assert overall["hed_vaccine_code"]["value"] == pytest.approx(((y - x) ** 2).sum())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_dtype_is_read_exactly(dtype):
    x, y, ids = pair(dtype=dtype)
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, y, ids=ids)
    delta = y[0].astype(np.float64) - x[0]
    assert value(acc.report(tests=[], permutations=0), "rms") == pytest.approx(
        np.sqrt((delta**2).mean()), rel=1e-12
    )


def test_bfloat16_is_read_exactly():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x, y, ids = pair(dtype=ml_dtypes.bfloat16)
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, y, ids=ids)
    delta = y[0].astype(np.float64) - x[0].astype(np.float64)
    assert value(acc.report(tests=[], permutations=0), "rms") == pytest.approx(
        np.sqrt((delta**2).mean()), rel=1e-12
    )


@pytest.mark.parametrize("tier", ["light", "sketch", "full"])
@pytest.mark.parametrize("parts", [1, 2, 7])
def test_merged_shards_equal_the_whole(tier, parts):
    x, y, ids = pair()
    whole = filled(tier, sketch=8).report(permutations=99).to_dict()
    cuts = np.sort(np.random.default_rng(parts).choice(PROMPTS, parts - 1, False))
    merged = drift.Accumulator(width=WIDTH, layers=LAYERS, tier=tier, sketch=8)
    for chosen in reversed(np.split(np.arange(PROMPTS), cuts)):
        rows = np.isin(ids, chosen)
        part = drift.Accumulator(width=WIDTH, layers=LAYERS, tier=tier, sketch=8)
        if rows.any():
            part.update(
                x[:, rows], y[:, rows], ids=ids[rows], groups={"a": ids[rows] < 10}
            )
        merged = part.merge(merged)
    result = merged.report(permutations=99).to_dict()
    assert result["tests"] == whole["tests"]
    assert result["prompts"] == whole["prompts"]
    assert result["cka_map"] == whole["cka_map"]
    centred = [side - side.mean(1, keepdims=True) for side in (x, y)]
    for layer, (mine, theirs) in enumerate(
        zip(result["layers"], whole["layers"], strict=True)
    ):
        squares = sum((side[layer] ** 2).sum() for side in centred)
        for name in mine.keys() - {"hed_booster_code"}:
            # A Procrustes distance is what is left of two sums of squares.
            scale = squares if name == "procrustes" else 1
            for key in ("value", "low", "high"):
                assert mine[name][key] == pytest.approx(
                    theirs[name][key], rel=1e-12, abs=1e-12 * scale, nan_ok=True
                ), name


def test_prompts_may_come_in_any_order_and_mixed():
    x, y, ids = pair()
    rng = np.random.default_rng(1)
    # The rows of a prompt keep their order; those of others come between.
    order = np.argsort(rng.permuted(ids), kind="stable")
    order[np.argsort(ids[order], kind="stable")] = np.arange(len(ids))
    rows = np.argsort(order)
    mixed = drift.Accumulator(width=WIDTH, layers=LAYERS, tier="full")
    mixed.update(x[:, rows], y[:, rows], ids=ids[rows], groups={"a": ids[rows] < 10})
    assert (np.diff(ids[rows]) != 0).sum() > 2 * PROMPTS
    whole, other = (
        each.report(permutations=99).to_dict() for each in (filled("full"), mixed)
    )
    assert whole["tests"] == other["tests"]
    assert whole["prompts"] == other["prompts"]
    for name, entry in whole["layers"][1].items():
        assert other["layers"][1][name]["value"] == pytest.approx(
            entry["value"], rel=1e-12, abs=1e-12
        ), name


@pytest.mark.parametrize(
    "given", [list, np.ndarray.tolist, lambda ids: ids.astype(np.uint64)]
)
def test_ids_of_every_kind_are_the_same_prompts(given):
    x, y, ids = pair()
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, y, ids=given(ids), groups={"a": ids < 10})
    mine, theirs = (each.report(permutations=9).to_dict() for each in (acc, filled()))
    assert repr(mine["layers"]) == repr(theirs["layers"])
    assert mine["prompts"] == theirs["prompts"]


def test_keys_of_integers_are_their_own_and_no_text_is_one_of_them():
    prompts = [0, 5, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, -(2**70), "5", "-1"]
    keys = keys_of(prompts)
    assert keys[:5].tolist() == [0, 5, 2**64 - 1, 2**63 - 1, 2**63]
    assert len(set(keys.tolist())) == len(prompts)
    for each in ([], prompts[:5], prompts[:8]):
        assert keys_of(each).tolist() == keys.tolist()[: len(each)]


def test_only_the_table_grows_with_the_prompts():
    sizes = []
    for prompts in (10, 30, 50):
        acc = drift.Accumulator(width=50, directions=8)
        rows = np.ones((4 * prompts, 50))
        acc.update(rows, rows, ids=np.arange(4 * prompts) // 4)
        sizes.append(acc.memory)
    # Seven float64 sums, two sketches of eight float32, and a key.
    assert np.diff(sizes).tolist() == [20 * (7 * 8 + 2 * 8 * 4 + 8)] * 2


def test_results_do_not_depend_on_threads():
    before = vs.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            vs.set_num_threads(threads)
            results.append(filled("full").report(permutations=99).to_dict())
    finally:
        vs.set_num_threads(before)
    for each in results:
        del each["settings"]
    assert repr(results[0]) == repr(results[1]) == repr(results[2])


@pytest.mark.parametrize("way", ["pickle", "copy", "file"])
def test_a_state_survives_the_way(way, tmp_path):
    acc = filled("full", energy={"first": np.eye(WIDTH)[0]})
    if way == "pickle":
        other = pickle.loads(pickle.dumps(acc))
    elif way == "copy":
        other = copy.copy(acc)
    else:
        acc.save(tmp_path / "a.drift")
        other = drift.load(tmp_path / "a.drift")
    mine, theirs = (each.report(permutations=9).to_dict() for each in (acc, other))
    del mine["settings"], theirs["settings"]
    assert repr(mine) == repr(theirs)
    x, y, ids = pair()
    with pytest.raises(ValueError, match="ids must be new, but 0 was seen before"):
        other.update(x, y, ids=ids)


def test_bounds_stay_in_the_range_of_their_metric():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 6)) * np.array([20, 9, 5, 3, 2, 1])
    y = x + rng.normal(size=x.shape) * rng.exponential(0.5, (60, 1)) ** 3 + 0.02
    acc = drift.Accumulator(width=6, tier="full", energy={"all": np.eye(6)[:5]})
    acc.update(x, y, ids=range(60))
    entries = acc.report(tests=[]).to_dict()["layers"][0]
    shares = ("cka_biased", "cca", "svcca", "pwcca", "linear_residual")
    shares += ("subspace_overlap", "translation_share", "energy_all")
    ranges = dict.fromkeys(shares, (0, 1)) | {"cka": (-np.inf, 1)}
    angles = ("procrustes_angle", "principal_angle")
    ranges |= dict.fromkeys(angles, (0, np.pi / 2))
    distances = ("procrustes", "frechet", "mean_shift", "mahalanobis")
    ranges |= dict.fromkeys(distances, (0, np.inf))
    for side in ("reference", "current"):
        ranges[f"effective_rank_{side}"] = ranges[f"participation_ratio_{side}"] = (
            1,
            6,
        )
    for name, (least, most) in ranges.items():
        entry = entries[name]
        assert least <= entry["low"] <= entry["value"] <= entry["high"] <= most, name
    # Here half the width of the interval is larger than what is left to the end.
    for name in ("translation_share", "procrustes", "linear_residual"):
        entry = entries[name]
        assert entry["low"] == 0 < entry["high"] - entry["value"] > entry["value"], name


def test_energy_is_the_share_of_the_change_along_directions():
    x, y, _ = pair()
    directions = np.random.default_rng(5).normal(size=(3, WIDTH))
    report = filled("full", energy={"three": directions}).report(tests=[])
    basis = np.linalg.qr(directions.T)[0]
    delta = y[0] - x[0]
    expected = ((delta @ basis) ** 2).sum() / (delta**2).sum()
    assert value(report, "energy_three") == pytest.approx(expected, rel=1e-10)


def test_sides_of_different_dtypes_and_prompts_of_any_length_equal_numpy():
    rng = np.random.default_rng(8)
    x = rng.normal(3, 1, (37, 13)).astype(np.float16)
    y = rng.normal(3, 1, (37, 13)).astype(np.float32)
    ids = np.repeat(["a", "b", "c", "d"], [1, 5, 11, 20])
    acc = drift.Accumulator(width=13, tier="full")
    acc.update(x, y, ids=ids[::-1])
    a, b = x.astype(np.float64), y.astype(np.float64)
    report = acc.report(tests=[], permutations=0)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert value(report, "cosine") == pytest.approx(cosine.mean(), rel=1e-12)
    expected = np.sqrt(((b.mean(0) - a.mean(0)) ** 2 / a.var(0, ddof=1)).sum())
    acc = drift.Accumulator(width=13)
    acc.update(x, y, ids=ids[::-1])
    light = acc.report(tests=[], permutations=0)
    assert value(light, "mahalanobis") == pytest.approx(expected, rel=1e-12)


def test_float16_sums_that_overflow_float16_do_not_here():
    x = np.full((64, 32), 60_000, np.float16)
    acc = drift.Accumulator(width=32)
    acc.update(x, -x, ids=range(64))
    report = acc.report(tests=[], permutations=0)
    assert value(report, "relative_drift") == 2.0
    assert value(report, "hed_vaccine_code") == 64 * 32 * 120_000.0**2


def hsic(x, y):
    """The unbiased estimator of Song et al. 2012, Eq. 4, for linear kernels."""
    n = len(x)
    a, b = (x**2).sum(1), (y**2).sum(1)
    rows_x, rows_y = x @ x.sum(0) - a, y @ y.sum(0) - b
    trace = ((x.T @ y) ** 2).sum() - a @ b
    between = rows_x.sum() * rows_y.sum() / ((n - 1) * (n - 2))
    return (trace + between - 2 / (n - 2) * rows_x @ rows_y) / (n * (n - 3))


def test_second_moments_of_several_blocks_and_tiles_equal_numpy():
    rng = np.random.default_rng(9)
    x = rng.normal(5, 1, (5000, 400)).astype(np.float32)
    y = (x + 0.1 * rng.normal(size=x.shape)).astype(np.float32)
    acc = drift.Accumulator(width=400, tier="full", folds=2)
    acc.update(x, y, ids=range(5000))
    report = acc.report(tests=[], permutations=0, intervals=False)
    a, b = (side - side.mean(0) for side in (x.astype(float), y.astype(float)))
    norms = [np.linalg.norm(s.T @ t) for s, t in ((a, b), (a, a), (b, b))]
    expected = norms[0] ** 2 / norms[1] / norms[2]
    assert value(report, "cka_biased") == pytest.approx(expected, rel=1e-12)
    debiased = hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))
    assert value(report, "cka") == pytest.approx(debiased, rel=1e-11)


@pytest.mark.parametrize("change", ["format", "checksum"])
def test_files_of_another_version_or_changed_settings_are_refused(change, tmp_path):
    path = tmp_path / "a.npz"
    filled().save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    if change == "format":
        header = arrays["header"].tobytes().replace(b"accumulator/2", b"accumulator/9")
        arrays["header"] = np.frombuffer(header, np.uint8)
        match = "must be of format .*accumulator/9"
    else:
        header = arrays["header"].tobytes().replace(b'"seed": 0', b'"seed": 1')
        arrays["header"] = np.frombuffer(header, np.uint8)
        match = "was changed or damaged"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=match):
        drift.load(path)


def test_files_that_were_damaged_are_refused(tmp_path):
    path = tmp_path / "a.drift"
    filled().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"a\.drift is no accumulator file"):
        drift.load(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="no accumulator file"):
        drift.load(path)
    np.savez(tmp_path / "other.npz", header=np.frombuffer(b'{"format": "x/2"}', "u1"))
    with pytest.raises(ValueError, match="must be of format .* got 'x/2'"):
        drift.load(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError):
        drift.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"reference": np.ones((2, 5, 7))}, ValueError, "reference must be"),
        ({"current": np.ones((2, 119, 20))}, ValueError, "current must have the ref"),
        ({"ids": [1, 2]}, ValueError, "ids must have one id for each of 120 rows"),
        ({"ids": [1.5] * 120}, TypeError, "ids must be strings or integers"),
        ({"ids": 5}, TypeError, "ids must be a sequence"),
        ({"groups": {"a": [True]}}, ValueError, "groups"),
        ({"groups": {"a": np.arange(120) % 2 == 0}}, ValueError, "same for all rows"),
        ({"groups": {"a": np.arange(120)}}, TypeError, "groups.*must hold bool"),
        ({"current": np.ones((2, 120, 20), complex)}, TypeError, "current must be an"),
        ({"current": np.ones((2, 120, 20), object)}, TypeError, "current must be an"),
    ],
)
def test_bad_updates_name_the_argument_and_lose_nothing(change, error, text):
    acc = filled()
    before = repr(acc.report(tests=[], permutations=9).to_dict()["layers"])
    x, y, ids = pair()
    arguments = {"reference": x, "current": y, "ids": ids + 1000, **change}
    with pytest.raises(error, match=text):
        acc.update(**arguments)
    assert repr(acc.report(tests=[], permutations=9).to_dict()["layers"]) == before


def test_elements_that_are_not_finite_are_counted_and_located():
    x, y, ids = pair()
    y[1, 7, 3] = np.nan
    y[1, 9, 0] = np.inf
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    expected = (
        "layer 1: current must be finite, but 2 elements are NaN or infinite, "
        "the first at row 7, column 3"
    )
    with pytest.raises(ValueError, match=expected):
        acc.update(x, y, ids=ids)
    assert acc.prompts == 0


def test_views_and_read_only_arrays_are_read():
    x, y, ids = pair()
    wide = np.zeros((LAYERS, PROMPTS * PER, 2 * WIDTH))
    wide[:, :, ::2] = y
    x.flags.writeable = False
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    acc.update(x, wide[:, :, ::2], ids=ids)
    assert value(acc.report(tests=[]), "rms") == value(filled().report(tests=[]), "rms")


def test_settings_that_do_not_fit_are_refused():
    for arguments, text in [
        ({"width": 0}, "width must be"),
        ({"width": 5, "tier": "ful"}, "tier must be one of .* Did you mean 'full'"),
        ({"width": 5, "directions": 12}, "directions must be a multiple of 8"),
        ({"width": 5, "folds": 1}, "folds must be"),
        ({"width": 5, "energy": {"a": np.ones(5)}}, "energy needs the tier 'full'"),
    ]:
        with pytest.raises(ValueError, match=text):
            drift.Accumulator(**arguments)
    with pytest.raises(ValueError, match="other must have seed 0, got 1"):
        filled().merge(filled(seed=1))
    with pytest.raises(ValueError, match="ids must be new"):
        filled().merge(filled())
    with pytest.raises(RuntimeError, match="nothing was added yet"):
        drift.Accumulator(width=5).report()


def test_one_prompt_gives_values_without_intervals():
    acc = drift.Accumulator(width=4)
    acc.update(np.ones((3, 4)), np.full((3, 4), 2.0), ids=["p"] * 3)
    content = acc.report().to_dict()
    entry = content["layers"][0]["relative_drift"]
    assert entry["value"] == 1.0
    assert np.isnan(entry["low"])
    assert "few" in entry["reason"]
    assert content["tests"]["signflip"]["p_value"] == 1.0


def test_a_reference_of_zeros_gives_nan_with_a_reason():
    acc = drift.Accumulator(width=4)
    acc.update(np.zeros((6, 4)), np.ones((6, 4)), ids=range(6))
    entry = acc.report(tests=[]).to_dict()["layers"][0]["relative_drift"]
    assert np.isnan(entry["value"])
    assert entry["reason"]


@pytest.mark.parametrize("starts", [[0, 2, 2, 4], [0, 3, 2, 4], [1, 2, 3, 4]])
def test_the_core_refuses_prompts_without_rows(starts):
    x = np.ones((4, 2))
    with pytest.raises(ValueError, match="must divide the rows"):
        _core.drift_table(
            x,
            x,
            np.arange(4),
            np.array(starts),
            np.arange(3, dtype=np.uint64),
            8,
            2,
            0,
            np.empty((3, 7)),
            np.empty((3, 2, 8), np.float32),
            np.empty((2, _core.drift_state_counts(2)[0])),
        )
