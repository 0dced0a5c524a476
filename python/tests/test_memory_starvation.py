"""Calls under a limit on address space: MemoryError or success, nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from core_support import run_script

from fuzz.starve import outcome

CALLS = {
    "step": "model = random_model(); call = lambda: step(model)",
    "generation": """
        model = random_model(); count = 2000
        ids = np.tile(np.arange(5), count); offsets = np.arange(count + 1) * 5
        call = lambda: model.generate(
            ids, offsets, max_new_tokens=[20] * count, temperature=1.0, top_p=0.9,
            seed=0, first_prompt=0, end_tokens=[])""",
    "loss": """
        model = random_model(); count = 10_000
        ids = np.tile(np.arange(7), count); offsets = np.arange(count + 1) * 7
        call = lambda: model.loss(ids, ids, offsets)""",
    "paired": """
        x = np.random.default_rng(0).normal(size=(300, 200)); keys = np.arange(300)
        states = np.zeros((2, _core.drift_state_counts(200)[1]))
        call = lambda: _core.drift_paired(
            x, x + 1, keys.astype(np.uint64), 2, 0, 0, states)""",
    "two samples": """
        x = np.random.default_rng(0).normal(size=(300, 64))
        outputs = np.zeros((1, 10)), np.zeros((1, 3)), np.zeros(0)
        call = lambda: _core.drift_two_sample(
            x, x + 1, np.zeros(600, np.int64), 0, np.zeros(0), 9, True, False, 0,
            2**24, *outputs)""",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("megabytes", [1, 12, 30, 60, 150, 400])
def test_memory_error_or_success(call: str, megabytes: int) -> None:
    run_script(
        CALLS[call].strip().replace("\n        ", "\n")
        + f"""
import resource
_core.set_num_threads(2)
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = taken + ({megabytes} << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    call()
except MemoryError as error:
    assert {megabytes} < 400, error
""",
        timeout=20,
    )


@pytest.mark.parametrize(
    "name", ["generate_ids", "Vaccine", "merge_adapter", "Trainer", "Accumulator.save"]
)
@pytest.mark.parametrize("megabytes", [1, 16, 96, 1024])
def test_public_operations_as_well(name: str, megabytes: int) -> None:
    known = ("success",) if megabytes == 1024 else ("success", "MemoryError")
    assert outcome(name, megabytes) in known


def test_two_threads_that_multiply_at_once_find_their_buffers() -> None:
    """The second buffer of OpenBLAS was waited for, in one of thirty merges."""
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(outcome, ["merge_adapter"] * 40, [96] * 40))
    assert found <= {"success", "MemoryError"}
