"""Small tables of embeddings and of rows in every format that is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import data_files
import numpy as np
from data_tokenizers import word_tokenizer
from safetensors.numpy import save_file

import vaccine_swift as vs
from fuzz.kinds import Kind
from vaccine_swift import drift
from vaccine_swift.drift.files import read_embeddings

__all__ = ["table_kinds"]


def table_kinds(directory: Path) -> list[Kind]:
    """Write them below a directory."""
    return [*_embeddings(directory), *_rows(directory)]


def _embeddings(directory: Path) -> list[Kind]:
    import pyarrow as pa
    from pyarrow import feather, parquet

    rows = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    ids = np.arange(12)
    np.save(directory / "e.npy", rows)
    np.savez(directory / "e.npz", x=rows, id=ids)
    np.savez_compressed(directory / "packed.npz", x=rows, id=ids)
    save_file({"x": rows, "id": ids}, directory / "e.safetensors")
    table = pa.table({"id": ids, "x": pa.array(rows.tolist(), pa.list_(pa.float32()))})
    parquet.write_table(table, directory / "e.parquet")
    feather.write_feather(table, directory / "e.arrow", compression="uncompressed")
    feather.write_feather(table, directory / "packed.feather", compression="lz4")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 5)
    table = pa.table({"id": ids, "x": fixed, "segment": ["a", "b"] * 6})
    feather.write_feather(table, directory / "fixed.arrow", compression="uncompressed")
    parquet.write_table(table, directory / "fixed.parquet")
    header = ",".join(f"x{i}" for i in range(5))
    np.savetxt(directory / "e.csv", rows, delimiter=",", header=header, comments="")
    header = header.replace(",", "\t")
    np.savetxt(directory / "e.tsv", rows, delimiter="\t", header=header, comments="")
    named = [
        {"id": int(name), "x": row.tolist()}
        for name, row in zip(ids, rows, strict=True)
    ]
    data_files.write(directory / "e.jsonl", named)
    names = ("e.npy", "e.npz", "packed.npz", "e.safetensors", "e.parquet", "e.arrow")
    names += ("packed.feather", "fixed.arrow", "fixed.parquet", "e.csv", "e.tsv")
    names += ("e.jsonl",)
    whole = [Kind(f"embeddings {name}", directory / name, _compare) for name in names]
    return [*whole, *_pieces(directory, table)]


def _pieces(directory: Path, table: Any) -> list[Kind]:
    """Files and a folder that are read piece by piece."""
    import pyarrow as pa
    from pyarrow import parquet

    with pa.ipc.new_file(directory / "pieces.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=5)
    folder = directory / "pieces"
    for part in (0, 1):
        (folder / f"part={part}").mkdir(parents=True, exist_ok=True)
        rows = table.slice(6 * part, 6)
        parquet.write_table(rows, folder / f"part={part}" / "rows.parquet")
    names = ("pieces.arrow", "fixed.parquet", "pieces")
    return [Kind(f"rows of {name}", directory / name, _accumulate) for name in names]


def _accumulate(path: Path) -> None:
    accumulator = drift.Accumulator(width=5)
    accumulator.extend(path, path)
    accumulator.report()


def _compare(path: Path) -> None:
    values = np.asarray(read_embeddings(path).values)
    if values.size <= 1 << 16:
        drift.hed(values, values)


def _rows(directory: Path) -> list[Kind]:
    kinds = []
    for suffix in ("json", "jsonl", "csv", "parquet"):
        path = data_files.write(directory / f"rows.{suffix}", data_files.ALPACA)
        kinds.append(Kind(f"rows {suffix}", path, _load_rows))
    rows = [
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello", "weight": 1},
            ],
            "tools": "[]",
        }
    ]
    path = data_files.write(directory / "messages.jsonl", rows)
    return [*kinds, Kind("rows of messages", path, _load_rows)]


def _load_rows(path: Path) -> None:
    vs.data.load(path, word_tokenizer())
