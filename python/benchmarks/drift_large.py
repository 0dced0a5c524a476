"""Drift of rows that do not fit in memory: what is held while they are read.

Writes both sides' rows in pieces to a folder of its own, reads them once from ``.npy``
files (mapped) and once from a folder of Parquet files, and deletes them. What is held
is memory of the process that is no page of a file. Writes
`results/<date>-drift_large.json`.

    python python/benchmarks/drift_large.py --gigabytes 10 [--folder /var/tmp]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import recording
from numpy.lib.format import open_memmap

WIDTH = 384
ROWS_PER_PROMPT = 20
PIECE = 100_000
SHIFT = 0.05
SIDES = ("reference", "current")


def pieces(rows: int, side: str) -> Any:
    """Rows of a side, N(0, I) and, of the current one, a shift and noise beside it."""
    for start in range(0, rows, PIECE):
        count = min(PIECE, rows - start)
        values = np.random.default_rng(start).standard_normal(
            (count, WIDTH), dtype=np.float32
        )
        if side == "current":
            noise = np.random.default_rng([start, 1])
            values *= np.float32(1 - SHIFT)
            values += SHIFT * noise.random((count, WIDTH), dtype=np.float32)
        yield start, values


def write(folder: Path, kind: str, rows: int) -> None:
    """Both sides' rows and their ids."""
    ids = np.arange(rows) // ROWS_PER_PROMPT
    np.save(folder / "ids.npy", ids)
    for side in SIDES:
        if kind == "npy":
            target = open_memmap(
                folder / f"{side}.npy", "w+", np.float32, (rows, WIDTH)
            )
            for start, values in pieces(rows, side):
                target[start : start + len(values)] = values
            target.flush()
        else:
            write_parquet(folder / side, side, rows, ids)


def write_parquet(
    folder: Path, side: str, rows: int, ids: npt.NDArray[np.int64]
) -> None:
    """A folder of files of a million rows, in row groups of `PIECE`."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir()
    writer, name = None, ""
    for start, values in pieces(rows, side):
        cells = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), WIDTH)
        part = pa.table({"id": ids[start : start + len(values)], "embedding": cells})
        if name != (name := f"part-{start // 1_000_000:04}.parquet"):
            if writer is not None:
                writer.close()
            writer = parquet.ParquetWriter(
                folder / name, part.schema, use_dictionary=False, compression="none"
            )
        writer.write_table(part)
    if writer is not None:
        writer.close()


def held() -> float:
    """MiB of this process that are no pages of files."""
    text = Path("/proc/self/status").read_text()
    return sum(int(n) for n in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", text)) / 1024


class Peak:
    """The most that is held while this is entered."""

    def __enter__(self) -> Peak:
        self.most, self._ended = held(), False
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._ended:
            self.most = max(self.most, held())
            time.sleep(0.002)

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()


def measure(folder: Path, kind: str, threads: int) -> dict[str, Any]:
    """One reading of both sides into the light tier, and its report."""
    import vaccine_swift as vs
    from vaccine_swift import drift

    vs.set_num_threads(threads)
    suffix = ".npy" if kind == "npy" else ""
    files = [folder / f"{side}{suffix}" for side in SIDES]
    ids = np.load(folder / "ids.npy", mmap_mode="r") if kind == "npy" else None
    with Peak() as peak:
        begin = time.perf_counter()
        accumulator = drift.Accumulator(WIDTH)
        accumulator.extend(*files, ids=ids, progress=True)
        read = time.perf_counter() - begin
        report = accumulator.report(tests=["signflip"])
        seconds = time.perf_counter() - begin
    layer = report.to_dict()["layers"][0]
    return {
        "rows": accumulator.rows,
        "prompts": accumulator.prompts,
        "seconds_reading": read,
        "seconds_report": seconds - read,
        "peak_held_mib": peak.most,
        "accumulator_mib": accumulator.memory / 2**20,
        "relative_drift": layer["relative_drift"]["value"],
        "cosine": layer["cosine"]["value"],
    }


def main() -> None:
    """Write, measure in a process of its own, delete, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=10, help="of both sides")
    parser.add_argument("--folder", type=Path, help="where they are written")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        folder, kind = arguments.measure
        print(json.dumps(measure(Path(folder), kind, arguments.threads)))
        return
    rows = int(arguments.gigabytes * 1e9 / (2 * 4 * WIDTH))
    results = recording.heading() | {"threads": arguments.threads, "width": WIDTH}
    results |= {"gigabytes": arguments.gigabytes, "runs": {}}
    for kind in ("npy", "parquet"):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            write(Path(folder), kind, rows)
            command = [sys.executable, __file__, "--measure", folder, kind]
            run = subprocess.run(
                [*command, "--threads", str(arguments.threads)],
                stdout=subprocess.PIPE,
                check=True,
            )
        results["runs"][kind] = json.loads(run.stdout)
        print(kind, results["runs"][kind])
    recording.save(results, "drift_large")


if __name__ == "__main__":
    main()
