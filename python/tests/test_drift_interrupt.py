"""Ctrl-C while drift is measured, and the share that is done meanwhile."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from core_support import run_script

from vaccine_swift import drift

RNG = np.random.default_rng(0)

MANY = "many = filled(60_000, 8)"
GROUPED = "grouped = filled(60_000, 8, dict(a=np.arange(60_000) % 2 == 0))"
FULL = "full = filled(700, 500, tier='full')"
TALL = "tall = rows(200_000, 64, 0), rows(200_000, 64, 1)"
WIDE = "wide = rows(2000, 3000, 0), rows(2000, 3000, 1)"
WIDER = "wider = rows(1500, 16_000, 0), rows(1500, 16_000, 1)"
DEEP = "deep = rows(30_000, 900, 0), rows(30_000, 900, 1)"
WINDOWS = """windows = drift.Windows(rows(9000, 64, 0))
for week in range(20):
    windows.add(week, rows(9000, 64, week))"""
LAYERS = """layers = drift.Accumulator(64, layers=24, directions=512)
sides = (rows(24 * 2000, 64, k).reshape(24, 2000, 64) for k in (0, 1))
layers.update(*sides, ids=range(2000))"""

# Each takes some seconds, if it is let.
CALLS = {
    "intervals": (MANY, "many.report(tests=[], permutations=2**20)"),
    "sign flips": (MANY, "many.report(tests=['signflip'], permutations=2**20)"),
    "contrast": (GROUPED, "grouped.report(tests=['contrast'], permutations=2**16)"),
    "second moments": (FULL, "full.report(tests=[])"),
    "update": (
        TALL,
        "drift.Accumulator(64, tier='full').update(*tall, ids=range(200_000))",
    ),
    "extend": (
        TALL,
        "drift.Accumulator(64).extend(*tall, ids=range(200_000), memory=100_000)",
    ),
    "cosine with ids": (TALL, "drift.cosine(*tall, ids=range(200_000))"),
    "mmd": (TALL, "drift.mmd(*tall, permutations=99)"),
    "paired mmd": (TALL, "drift.mmd(*tall, permutations=99, paired=True)"),
    "energy distance": (TALL, "drift.energy_distance(*tall, permutations=99)"),
    "ks": (TALL, "drift.ks(*tall)"),
    "ks of wide rows": (WIDE, "drift.ks(*wide)"),
    "sliced Wasserstein": (TALL, "drift.sliced_wasserstein(*tall, projections=4096)"),
    "kNN overlap": (TALL, "drift.knn_overlap(*tall)"),
    "cka": (WIDE, "drift.cka(*wide)"),
    "cka of more rows than columns": (DEEP, "drift.cka(*deep)"),
    "Fréchet": (DEEP, "drift.frechet_distance(deep[0], deep[1][:-1])"),
    "span": (WIDER, "drift.procrustes(*wider)"),
    "recall at k": (TALL, "drift.recall_at_k(*tall)"),
    "classifier": (TALL, "drift.classifier_auc(*tall)"),
    "classifier of wide rows": (WIDE, "drift.classifier_auc(*wide)"),
    "two samples": (TALL, "drift.two_sample(*tall, permutations=99)"),
    "windows": (WINDOWS, "windows.report()"),
    "paired rows": (DEEP, "drift.PairedRows(*deep).report()"),
    "layer map": (LAYERS, "layers.report(tests=[], permutations=0)"),
}


@pytest.mark.parametrize(("setup", "call"), CALLS.values(), ids=CALLS)
def test_ctrl_c_is_heard_within_a_second(setup: str, call: str) -> None:
    run_script(
        f"""
        import os, signal, threading, time
        import numpy as np
        from vaccine_swift import drift

        def rows(n, d, seed):
            generator = np.random.default_rng(seed)
            return generator.standard_normal((n, d), dtype=np.float32)

        def filled(n, d, groups=None, **options):
            accumulator = drift.Accumulator(d, **options)
            sides = rows(n, d, 0), rows(n, d, 1)
            accumulator.update(*sides, ids=range(n), groups=groups)
            return accumulator

{textwrap.indent(setup, " " * 8)}
        few = filled(500, 8)
        before = few.report(tests=[], permutations=9).to_dict()["overall"]
        sent = []

        def interrupt():
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Timer(0.5, interrupt).start()
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            delay = time.monotonic() - sent[0]
        assert delay < 1, delay
        assert few.report(tests=[], permutations=9).to_dict()["overall"] == before
        """
    )


def told_of(call) -> list[tuple[str, float, float | None]]:
    told: list[tuple[str, float, float | None]] = []
    call(lambda *each: told.append(each))
    return told


def assert_rising(told) -> None:
    """Shares from 0 to 1 that rise within each stage, the stages one after another."""
    assert told
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert [stage for stage, _, _ in told] == sorted(
        (stage for stage, _, _ in told), key=stages.index
    )
    for stage in stages:
        shares = [done for name, done, _ in told if name == stage]
        assert shares == sorted(shares)
        assert shares[0] >= 0
        assert shares[-1] <= 1
    assert {total for _, _, total in told} == {1.0}


def test_a_report_tells_of_its_stages() -> None:
    n = 30_000
    x, y = RNG.standard_normal((2, n, 8), dtype=np.float32)
    accumulator = drift.Accumulator(8)
    accumulator.update(x, y, ids=range(n), groups={"a": np.arange(n) % 3 == 0})
    told = told_of(
        lambda progress: accumulator.report(permutations=20_000, progress=progress)
    )
    assert_rising(told)
    stages = {stage for stage, _, _ in told}
    assert stages == {"intervals over prompts", "sign flips", "contrast"}
    silent = accumulator.report(tests=[], permutations=99).to_dict()["overall"]
    again = accumulator.report(
        tests=[], permutations=99, progress=lambda *_: None
    ).to_dict()["overall"]
    assert silent == again


def test_second_moments_tell_layer_by_layer() -> None:
    x, y = RNG.standard_normal((2, 2, 500, 200), dtype=np.float32)
    accumulator = drift.Accumulator(200, layers=2, tier="full")
    accumulator.update(x, y, ids=range(500))
    told = told_of(lambda progress: accumulator.report(tests=[], progress=progress))
    moments = [each for each in told if each[0] == "second moments"]
    assert_rising(moments)
    assert moments[-1][1] > 0.5


@pytest.mark.parametrize("function", [drift.mmd, drift.energy_distance])
def test_permutations_tell_their_share(function) -> None:
    x, y = RNG.standard_normal((2, 6000, 100), dtype=np.float32)
    told = told_of(lambda progress: function(x, y, permutations=999, progress=progress))
    assert_rising(told)
    assert {stage for stage, _, _ in told} == {"permutations"}
    assert told[-1][1] > told[0][1]


@pytest.mark.parametrize(
    ("function", "stage", "rows"),
    [
        (drift.ks, "columns", 200_000),
        (drift.knn_overlap, "neighbours", 20_000),
        (drift.recall_at_k, "neighbours", 10_000),
        (drift.sliced_wasserstein, "projections", 150_000),
        (drift.classifier_auc, "classifiers", 60_000),
    ],
)
def test_functions_of_columns_and_rows_tell_their_share(function, stage, rows) -> None:
    x, y = RNG.standard_normal((2, rows, 100), dtype=np.float32)
    told = told_of(lambda progress: function(x, y, progress=progress))
    assert_rising(told)
    assert {each[0] for each in told} == {stage}
    values = [function(x[:300], y[:300], **given) for given in ({}, {"progress": True})]
    if stage == "classifiers":
        values = [each.statistic for each in values]
    if stage != "columns":
        assert values[0] == values[1]


@pytest.mark.parametrize(
    ("function", "shape", "stages"),
    [
        (drift.cka, (40_000, 400), {"moments"}),
        (drift.procrustes, (800, 20_000), {"span of x", "span of y"}),
        (drift.frechet_distance, (600, 14_000), {"span"}),
        (drift.principal_angle, (40_000, 400), {"moments"}),
    ],
)
def test_similarities_tell_of_their_stages(function, shape, stages) -> None:
    x, y = RNG.standard_normal((2, *shape), dtype=np.float32)
    told = told_of(lambda progress: function(x, y, progress=progress))
    assert_rising(told)
    found = {stage for stage, _, _ in told}
    assert stages <= found <= stages | {"moments", "metrics"}
    assert function(x, y) == function(x, y, progress=lambda *_: None)


def test_two_samples_tell_of_each_test_of_each_segment() -> None:
    x, y = RNG.standard_normal((2, 8000, 50), dtype=np.float32)
    segments = np.repeat(["de", "en"], 4000)
    told = told_of(
        lambda progress: drift.two_sample(
            x, y, segments=(segments, segments), permutations=999, progress=progress
        )
    )
    assert_rising(told)
    stages = {stage for stage, _, _ in told}
    assert {"mmd of all", "mmd of de", "mmd of en", "farthest rows"} <= stages
    silent = drift.two_sample(x[:60], y[:60], seed=3).content["segments"]
    again = drift.two_sample(x[:60], y[:60], seed=3, progress=lambda *_: None)
    assert again.content["segments"] == silent


def test_windows_tell_of_each_test_of_each_window() -> None:
    x, y, z = RNG.standard_normal((3, 6000, 50), dtype=np.float32)
    windows = drift.Windows(x, tests=["mmd"]).add("w1", y).add("w2", z)
    told = told_of(lambda progress: windows.report(progress=progress))
    assert_rising(told)
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == [
        f"{what} of all in {name}"
        for name in ("w1", "w2")
        for what in ("mmd", "evidence")
    ]


def test_paired_rows_tell_layer_after_layer() -> None:
    x, y = RNG.standard_normal((2, 2, 18_000, 60), dtype=np.float32)
    told = told_of(lambda progress: drift.PairedRows(x, y).report(progress=progress))
    assert_rising(told)
    expected = {
        f"{name} of layer {layer}"
        for name in ("knn_overlap", "recall_at_k")
        for layer in (0, 1)
    }
    assert expected <= {stage for stage, _, _ in told}


def test_cosine_with_ids_tells_of_its_intervals() -> None:
    x, y = RNG.standard_normal((2, 400_000, 8), dtype=np.float32)
    told = told_of(
        lambda progress: drift.cosine(x, y, ids=range(400_000), progress=progress)
    )
    assert_rising(told)
    assert {stage for stage, _, _ in told} == {"intervals over prompts"}


def test_what_a_callable_raises_ends_the_measurement() -> None:
    x, y = RNG.standard_normal((2, 6000, 100), dtype=np.float32)

    class Enough(Exception):
        pass

    def tell(stage, done, total):
        raise Enough

    with pytest.raises(Enough):
        drift.mmd(x, y, permutations=99, progress=tell)
