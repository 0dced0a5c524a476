"""Memory while files of rows are read piece by piece."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

MEASURED = """
import re, sys, threading, time
from pathlib import Path

import numpy as np
from vaccine_swift import drift

def held():
    text = Path("/proc/self/status").read_text()
    return sum(int(n) for n in re.findall(r"(?:RssAnon|RssShmem):\\s+(\\d+)", text))

def measure(name):
    ids = np.load(folder / f"{name}.npy", mmap_mode="r") if suffix == "npy" else None
    x, y = (folder / f"{name}-{side}.{suffix}" for side in "xy")
    accumulator = drift.Accumulator(64)
    accumulator.extend(x, y, ids=ids, memory="4MB")
    return accumulator

def watch():
    global peak
    while not ended:
        peak = max(peak, held())
        time.sleep(0.001)

folder, suffix = Path(sys.argv[1]), sys.argv[2]
measure("few")
for name in ("few", "many"):
    peak, ended = 0, False
    watcher = threading.Thread(target=watch)
    watcher.start()
    rows = measure(name).rows
    ended = True
    watcher.join()
    print(rows, peak)
"""


@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_memory_does_not_grow_with_the_number_of_rows(suffix, tmp_path) -> None:
    """What is neither a file's pages nor the table of prompts, in kB."""
    parquet = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    for name, rows in (("few", 60_000), ("many", 300_000)):
        ids = np.arange(rows) // 500
        np.save(tmp_path / f"{name}.npy", ids)
        for side in "xy":
            values = rng.standard_normal((rows, 64), dtype=np.float32)
            np.save(tmp_path / f"{name}-{side}.npy", values)
            cells = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 64)
            parquet.write_table(
                pa.table({"embedding": cells, "id": ids}),
                tmp_path / f"{name}-{side}.parquet",
                row_group_size=10_000,
                use_dictionary=False,
            )
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), suffix],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    few, low, many, high = map(int, run.stdout.split())
    assert (few, many) == (60_000, 300_000)
    more = (many - few) * 2 * 64 * 4 / 1024
    assert high - low < more / 5, f"{low} kB for few rows, {high} kB for many"
