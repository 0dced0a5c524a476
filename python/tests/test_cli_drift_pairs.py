"""``vaccine-swift drift`` on pairs of files that are read block by block."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from core_support import run_script

from vaccine_swift import drift
from vaccine_swift.cli import main
from vaccine_swift.drift.sides import Held, Read

pa = pytest.importorskip("pyarrow")

RNG = np.random.default_rng(5)
WIDTH = 6
X = RNG.normal(size=(900, WIDTH)).astype(np.float32)
Y = X + 0.2 * RNG.normal(size=X.shape).astype(np.float32)
IDS = np.repeat(np.arange(300), 3)
BLOCK = 50
"""Rows that fit in MEMORY."""
MEMORY = str(16 * WIDTH * BLOCK)


def write(path, values, ids=None, **columns) -> None:
    if path.suffix == ".npy":
        np.save(path, values)
        return
    cells = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), WIDTH)
    named = {"embedding": cells, **columns}
    table = pa.table(named if ids is None else {"id": ids, **named})
    if path.suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(table, path, row_group_size=70)
    else:
        from pyarrow import ipc

        with ipc.new_file(path, table.schema) as file:
            file.write_table(table, max_chunksize=40)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def held(monkeypatch) -> list[int]:
    """How many rows each look at a side shows."""
    shown: list[int] = []
    for kind in (Held, Read):
        view = kind.view

        def seen(self, count, view=view):
            piece = view(self, count)
            waiting = getattr(self, "_waiting", [])
            shown.append(max(len(piece or ()), sum(map(len, waiting))))
            return piece

        monkeypatch.setattr(kind, "view", seen)
    return shown


def assert_as_whole(ids, groups=None) -> None:
    whole = drift.Accumulator(WIDTH)
    whole.update(X, Y, ids=ids, groups=groups)
    wanted = whole.report().to_dict()
    found = json.loads(Path("r.json").read_text())
    for name in ("relative_drift", "cosine", "mean_l2", "mean_shift"):
        for key in ("value", "low", "high"):
            value = wanted["layers"][0][name][key]
            assert found["layers"][0][name][key] == pytest.approx(value, rel=1e-9)
    for name, test in wanted["tests"].items():
        assert found["tests"][name]["p_value"] == test["p_value"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.parquet", "b.parquet"),
        ("a.arrow", "b.arrow"),
        ("a.feather", "b.parquet"),
        ("a.parquet", "b.npy"),
    ],
)
def test_a_block_is_held_and_the_numbers_are_those_of_the_whole(
    folder, held, first, second
) -> None:
    write(folder / first, X, IDS)
    write(folder / second, Y, IDS)
    words = ["drift", first, second, "--memory", MEMORY, "--json", "r.json"]
    assert main([*words, "--paired"]) == 0
    # A block, and the batch of a sixteenth of it or of the file that began it.
    assert 0 < max(held) <= BLOCK + 40
    assert_as_whole(IDS)


def test_mapped_arrays_are_seen_block_by_block(folder, held) -> None:
    write(folder / "a.npy", X)
    write(folder / "b.npy", Y)
    words = ["drift", "a.npy", "b.npy", "--memory", MEMORY, "--json", "r.json"]
    assert main([*words, "--paired"]) == 0
    assert 0 < max(held) <= BLOCK
    assert_as_whole(np.arange(len(X)))


def test_groups_are_found_by_the_ids_of_the_files(folder, held) -> None:
    names = np.array([f"p{k}" for k in IDS])
    write(folder / "a.parquet", X, names)
    write(folder / "b.arrow", Y, names)
    (folder / "few.txt").write_text("\n".join(f"p{k}" for k in range(200, 300)))
    words = ["drift", "a.parquet", "b.arrow", "--memory", MEMORY, "--json", "r.json"]
    assert main([*words, "--group", "few=few.txt"]) == 0
    assert max(held) <= BLOCK + 40
    assert_as_whole(names, {"few": IDS >= 200})


LANGUAGES = np.where(IDS < 120, "de", "en")


@pytest.mark.parametrize("end", ["parquet", "arrow"])
def test_groups_are_a_column_of_the_reference(folder, held, capsys, end) -> None:
    write(folder / f"a.{end}", X, IDS, language=LANGUAGES)
    write(folder / f"b.{end}", Y, IDS)
    words = ["drift", f"a.{end}", f"b.{end}", "--memory", MEMORY, "--json", "r.json"]
    assert main([*words, "--group-by", "language"]) == 0
    assert max(held) <= BLOCK + 40
    assert_as_whole(IDS, LANGUAGES)
    found = json.loads(Path("r.json").read_text())["groups"]
    assert {name: each["prompts"] for name, each in found.items()} == {
        "de": 120,
        "en": 180,
    }
    assert main([*words, "--group-by", "langauge"]) == 2
    assert f"a.{end} has no column 'langauge'. Did you mean" in capsys.readouterr().err


@pytest.mark.parametrize("ends", [("parquet", "arrow"), ("csv", "npz"), ("tsv", "csv")])
def test_ids_are_in_a_column_of_any_name(folder, capsys, ends) -> None:
    from pyarrow import csv

    paths = []
    for name, end, values in zip("ab", ends, (X, Y), strict=True):
        paths.append(f"{name}.{end}")
        if end in ("parquet", "arrow"):
            write(folder / paths[-1], values, ticket=IDS)
        elif end == "npz":
            np.savez(paths[-1], embedding=values, ticket=IDS)
        else:
            columns = {f"x{k}": values[:, k].astype(float) for k in range(WIDTH)}
            comma = csv.WriteOptions(delimiter="\t" if end == "tsv" else ",")
            csv.write_csv(pa.table({"ticket": IDS, **columns}), paths[-1], comma)
    words = ["drift", *paths, "--json", "r.json"]
    assert main(words) == 2
    assert "in a column id or --id-column, or --ids: give" in capsys.readouterr().err
    (folder / "few.txt").write_text("\n".join(map(str, range(200, 300))))
    words += ["--id-column", "ticket"]
    assert main([*words, "--group", "few=few.txt"]) == 0
    assert_as_whole(IDS, {"few": IDS >= 200})
    assert main([*words, "--ids", "few.txt"]) == 2
    assert "--ids and --id-column say both" in capsys.readouterr().err
    assert main([*words[:-1], "tickets"]) == 2
    assert "has no column 'tickets'. Did you mean" in capsys.readouterr().err


def test_ids_that_cannot_be_read_are_told(folder, capsys) -> None:
    for name, values in (("a.npz", X), ("b.npz", Y)):
        ids = np.array([f"p{k}" for k in IDS], object)
        np.savez(name, embedding=values, ids=ids)
    assert main(["drift", "a.npz", "b.npz"]) == 2
    told = capsys.readouterr().err
    assert "'ids' of a.npz holds neither text nor whole numbers" in told
    assert main(["drift", "a.npz", "b.npz", "--paired"]) == 0


def test_a_column_that_is_not_there_is_told_in_a_line(folder, capsys) -> None:
    header = ",".join(f"x{k}" for k in range(800))
    (folder / "a.csv").write_text(f"{header}\n{header.replace('x', '1.')}\n")
    assert main(["drift", "a.csv", "a.csv", "--id-column", "ticket"]) == 2
    told = capsys.readouterr().err
    assert "It has 'x0', 'x1'," in told
    assert told.rstrip().endswith("'x7' and 792 more.")


def test_a_group_that_is_a_number_is_no_dimension_of_either_side(folder) -> None:
    from pyarrow import csv

    for name, values in (("a.csv", X), ("b.csv", Y)):
        columns = {letter: values[:, k] for k, letter in enumerate("abcdef")}
        share = np.where(IDS < 120, 0.25, 0.75)
        csv.write_csv(pa.table({"id": IDS, **columns, "share": share}), name)
    words = ["drift", "a.csv", "b.csv", "--json", "r.json"]
    assert main([*words, "--group-by", "share"]) == 0
    content = json.loads(Path("r.json").read_text())
    assert content["settings"]["width"] == WIDTH
    assert set(content["groups"]) == {"0.25", "0.75"}


def test_files_without_columns_have_no_groups(folder, capsys) -> None:
    write(folder / "a.npy", X)
    write(folder / "b.npy", Y)
    words = ["drift", "a.npy", "b.npy", "--paired", "--group-by", "language"]
    assert main(words) == 2
    assert "a.npy has no columns: 'language' cannot" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["parquet", "arrow"])
def test_ids_that_differ_in_a_late_row_are_found(folder, capsys, end) -> None:
    other = IDS.copy()
    other[700] = 999
    write(folder / f"a.{end}", X, IDS)
    write(folder / f"b.{end}", Y, other)
    assert main(["drift", f"a.{end}", f"b.{end}", "--memory", MEMORY]) == 2
    told = capsys.readouterr().err
    assert "the ids of the two files differ: row 700 is of 233 in reference" in told
    assert "with --unpaired" in told


@pytest.mark.parametrize("end", ["parquet", "arrow", "npy"])
def test_files_of_other_lengths_are_refused_before_they_are_read(
    folder, capsys, held, end
) -> None:
    write(folder / f"a.{end}", X, IDS)
    write(folder / f"b.{end}", Y[:-1], IDS[:-1])
    assert main(["drift", f"a.{end}", f"b.{end}", "--paired"]) == 2
    told = capsys.readouterr().err
    assert f"b.{end} must have the shape of a.{end}, [900, 6], got [899, 6]" in told
    assert max(held) <= 70


def test_rows_of_a_prompt_that_are_apart_need_the_memory_of_all(folder, capsys) -> None:
    apart = np.tile(np.arange(300), 3)
    write(folder / "a.parquet", X, apart)
    write(folder / "b.parquet", Y, apart)
    words = ["drift", "a.parquet", "b.parquet", "--json", "r.json"]
    assert main([*words, "--memory", MEMORY]) == 2
    told = capsys.readouterr().err
    assert "rows of a prompt must follow each other, or all fit in --memory" in told
    assert main([*words, "--memory", "10MB"]) == 0
    assert_as_whole(apart)


@pytest.mark.parametrize("end", ["parquet", "arrow"])
def test_text_that_spells_vectors_is_not_left_out(folder, capsys, end) -> None:
    table = {"note": ["[0.1, 0.2]"] * 20, "score": np.arange(20) / 7}
    for name in ("a", "b"):
        path = folder / f"{name}.{end}"
        if end == "parquet":
            from pyarrow import parquet

            parquet.write_table(pa.table(table), path)
        else:
            from pyarrow import feather

            feather.write_feather(pa.table(table), path)
    assert main(["drift", f"a.{end}", f"b.{end}", "--paired"]) == 2
    assert "column 'note' spells vectors as text" in capsys.readouterr().err


def test_a_pair_larger_than_what_it_takes(folder) -> None:
    """120 MB a side, of which a block of 8 MB and the accumulator are in memory."""
    run_script(
        f"""
        import os
        from pathlib import Path
        import numpy as np
        import pyarrow as pa
        from pyarrow import parquet
        from vaccine_swift.cli import main

        def resident():
            status = Path("/proc/self/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) / 1024

        os.chdir({str(folder)!r})
        rng = np.random.default_rng(0)
        for name in ("a", "b"):
            schema = pa.schema(
                [("id", pa.int64()), ("x", pa.list_(pa.float32(), 512))]
            )
            with parquet.ParquetWriter(name + ".parquet", schema) as file:
                for part in range(60):
                    values = rng.standard_normal(1000 * 512, dtype=np.float32)
                    cells = pa.FixedSizeListArray.from_arrays(pa.array(values), 512)
                    ids = np.arange(1000 * part, 1000 * (part + 1)) // 50
                    file.write_table(pa.table([ids, cells], schema=schema))
        words = ["drift", "a.parquet", "b.parquet", "--tests", "none"]
        words += ["--permutations", "9", "--memory", "8MB"]
        before = resident()
        assert main(words) == 0
        assert resident() - before < 80, resident() - before
        """
    )
