"""`drift.merge_tree`: one order whatever merges, equal to one process."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from vaccine_swift import drift

LAYERS, WIDTH = 2, 8


def add_shard(accumulator: drift.Accumulator, shard: int) -> None:
    rng = np.random.default_rng(shard)
    count = 3 + shard % 4
    x = rng.normal(size=(LAYERS, count, WIDTH)).astype(np.float32)
    y = (x + rng.normal(size=x.shape) * 0.1).astype(np.float32)
    accumulator.update(x, y, ids=[f"{shard} {place}" for place in range(count)])


def measured(shard: int) -> drift.Accumulator:
    accumulator = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
    add_shard(accumulator, shard)
    return accumulator


def alone(shards: int) -> drift.Accumulator:
    accumulator = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
    for shard in range(shards):
        add_shard(accumulator, shard)
    return accumulator


def numbers(accumulator: drift.Accumulator) -> list[float]:
    content = accumulator.report(tests=[]).to_dict()
    names = ("relative_drift", "rms", "cosine", "cka")
    return [
        layer[name]["value"]
        for layer in content["layers"]
        for name in names
        if name in layer
    ]


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 8, 13])
def test_a_tree_of_any_width_gives_what_one_process_gives(shards):
    total = drift.merge_tree(map(measured, range(shards)))
    whole = alone(shards)
    assert (total.prompts, total.rows) == (whole.prompts, whole.rows)
    np.testing.assert_allclose(numbers(total), numbers(whole), rtol=1e-12)


def test_processes_give_the_bits_of_the_tree_that_is_merged_here(tmp_path):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit(measured, shard) for shard in range(7)]
        total = drift.merge_tree(futures, executor=pool)
    assert numbers(total) == numbers(drift.merge_tree(map(measured, range(7))))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_parts_come_changes_no_bit(seed):
    futures = [Future() for _ in range(11)]
    places = random.Random(seed).sample(range(11), 11)

    def fulfil():
        for place in places:
            futures[place].set_result(measured(place))
            time.sleep(0.001)

    thread = threading.Thread(target=fulfil)
    thread.start()
    with ThreadPoolExecutor(2) as pool:
        total = drift.merge_tree(futures, executor=pool)
    thread.join()
    assert numbers(total) == numbers(drift.merge_tree(map(measured, range(11))))


def test_futures_and_accumulators_are_merged_here_without_an_executor():
    future: Future = Future()
    future.set_result(measured(1))
    parts = [measured(0), future, measured(2)]
    total = drift.merge_tree(parts)
    assert numbers(total) == numbers(drift.merge_tree(map(measured, range(3))))
    assert parts[0].prompts == measured(0).prompts


def test_what_cannot_be_merged_is_refused_by_name():
    with pytest.raises(ValueError, match="parts must hold at least one"):
        drift.merge_tree([])
    with pytest.raises(TypeError, match="got str at 1"):
        drift.merge_tree([measured(0), "shard"])
    with pytest.raises(ValueError, match="'0 0'"):
        drift.merge_tree([measured(0), measured(1), measured(0)])
    other = drift.Accumulator(layers=LAYERS, width=WIDTH + 1, seed=0)
    with pytest.raises(ValueError, match="width"):
        drift.merge_tree([measured(0), other])


def test_a_shard_that_fails_is_raised_and_what_waits_is_given_up():
    failed: Future = Future()
    failed.set_exception(OSError("no such shard"))
    waiting: Future = Future()
    with pytest.raises(OSError, match="no such shard"):
        drift.merge_tree([measured(0), failed, waiting])
    assert waiting.cancelled()


def test_a_future_that_is_given_twice_is_its_prompts_twice():
    future: Future = Future()
    future.set_result(measured(0))
    with pytest.raises(ValueError, match="'0 0'"):
        drift.merge_tree([future, future])
