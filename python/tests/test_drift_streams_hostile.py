"""Damaged files that are read piece by piece: a ValueError, whatever the bytes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from core_support import run_script
from test_drift_streams import table

from vaccine_swift import drift

X = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)


def read(path: Path) -> None:
    drift.Accumulator(width=8).extend(path, path)


def arrow(path: Path, **columns) -> Path:
    import pyarrow as pa

    rows = table(X, **columns)
    with pa.ipc.new_file(path, rows.schema) as file:
        file.write_table(rows, max_chunksize=5)
    return path


def test_no_number_of_an_arrow_file_ends_the_process(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = arrow(tmp_path / "whole.arrow", id=np.arange(12))
    run_script(
        f"""
        import struct
        from pathlib import Path
        from vaccine_swift import drift
        whole = Path({str(path)!r}).read_bytes()
        beside = Path({str(tmp_path / "changed.arrow")!r})
        refused = 0
        for place in range(8, len(whole) - 8, 4):
            for value in (-4294967271, -1, 2**31, 2**62):
                data = bytearray(whole)
                data[place : place + 8] = struct.pack("<q", value)
                beside.write_bytes(data)
                try:
                    drift.Accumulator(width=8).extend(beside, beside)
                except (ValueError, MemoryError):
                    refused += 1
        assert refused > 100, refused
        """
    )


@pytest.mark.parametrize(
    "ids", [[1.5] * 12, [None] * 12, ["a"] * 11 + [None], [True] * 12, [[1]] * 12]
)
def test_ids_that_are_none_are_refused_with_the_file(ids, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = arrow(tmp_path / "rows.arrow", id=ids)
    with pytest.raises(ValueError, match=r"rows\.arrow: 'id' must hold a string or"):
        read(path)


def test_a_file_of_a_folder_that_lacks_a_column_is_a_fault_of_the_folder(
    tmp_path: Path,
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = table(X, id=np.arange(12))
    for name, one in (("a", rows), ("b", rows.drop_columns(["id"]))):
        parquet.write_table(one, tmp_path / f"{name}.parquet")
    message = re.escape(f"{tmp_path} cannot be read as Parquet") + ".*'?\"?id"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_numbers_that_nothing_computes_with_are_no_embeddings(tmp_path: Path) -> None:
    wide = np.ones((4, 3), np.longdouble)
    if wide.itemsize <= 8:
        pytest.skip("no longer floats here")
    np.save(tmp_path / "wide.npy", wide)
    np.savez(tmp_path / "wide.npz", x=wide)
    from vaccine_swift.drift.files import read_embeddings

    for name in ("wide.npy", "wide.npz"):
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            read_embeddings(tmp_path / name)
