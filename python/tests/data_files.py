"""Rows and files of every format."""

from __future__ import annotations

import csv
import json

ALPACA = [
    {"instruction": "Hi", "input": "", "output": "Hello", "tag": "a"},
    {"instruction": "Bye", "input": "there", "output": 'Bye, "there"!', "tag": "b"},
]


def write(path, rows):
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    else:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
    return path
