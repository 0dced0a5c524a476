"""Accumulators that are merged, copied, saved and loaded."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from drift_accumulators import LAYERS, PROMPTS, WIDTH, filled, pair

from vaccine_swift import drift


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


def test_only_the_table_grows_with_the_prompts():
    sizes = []
    for prompts in (10, 30, 50):
        acc = drift.Accumulator(width=50, directions=8)
        rows = np.ones((4 * prompts, 50))
        acc.update(rows, rows, ids=np.arange(4 * prompts) // 4)
        sizes.append(acc.memory)
    # Seven float64 sums, two sketches of eight float32, and a key.
    assert np.diff(sizes).tolist() == [20 * (7 * 8 + 2 * 8 * 4 + 8)] * 2


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
