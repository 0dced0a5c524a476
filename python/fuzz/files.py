"""One case: a file of some format with some of its bytes changed, and read."""

from __future__ import annotations

import io
import json
import shutil
import struct
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.corpus import make_corpus
from fuzz.counts import CALLED
from fuzz.draw import NUMBERS, Draw
from fuzz.kinds import Kind

__all__ = ["DOCUMENTED", "files_case"]

DOCUMENTED = (ValueError, FileNotFoundError, MemoryError)
SIZES = (0, 1, 7, 2**15, 2**31 - 1, 2**31, 2**32, 2**61, 2**63 - 1, 2**63, 2**64 - 1)
JSON_VALUES = (
    *(
        None,
        True,
        0,
        -1,
        1,
        2**31,
        2**63,
        2**64,
        10**400,
        1e300,
        0.5,
        "",
        "x",
        "\ud800",
    ),
    *([], {}, [[]], ["x"], {"a": 1}, "a" * 5000, -(2**63), "1", "nan"),
)


@cache
def _corpus() -> tuple[Path, list[Kind]]:
    directory = Path(tempfile.mkdtemp(prefix="fuzz-"))
    return directory, make_corpus(directory / "corpus")


def files_case(draw: Draw) -> int:
    """Read one changed file; 1."""
    directory, kinds = _corpus()
    kind = draw.choice(kinds)
    beside = directory / "changed" / kind.path.name
    shutil.rmtree(beside.parent, ignore_errors=True)
    beside.parent.mkdir()
    if kind.path.is_dir():
        shutil.copytree(kind.path, beside)
        # Weights are long, and what is said of them is short.
        inside = sorted(path for path in beside.rglob("*") if path.is_file())
        change(draw, draw.choice(inside))
    else:
        shutil.copyfile(kind.path, beside)
        change(draw, beside)
    CALLED[kind.name] += 1
    try:
        kind.read(beside)
    except DOCUMENTED as failure:
        if not str(failure):
            raise AssertionError(f"{kind.name}: raises without a word") from failure
    except Exception as failure:
        failure.add_note(f"kind: {kind.name}")
        raise
    return 1


def change(draw: Draw, path: Path) -> None:
    """Change a file, by its structure where it has one that is known."""
    data = path.read_bytes()
    structured = _structured(draw, path, data) if draw.once_in(2) else None
    if structured is None:
        structured = _bytes(draw, data)
    path.write_bytes(structured)


def _bytes(draw: Draw, data: bytes) -> bytes:
    """Bits, bytes, numbers, runs and lengths."""
    changed = bytearray(data)
    near = len(data) if draw.once_in(2) else min(len(data), 600)
    for _ in range(draw.choice([1, 1, 2, 8])):
        place = draw.randrange(max(near, 1))
        match draw.few(0, 7):
            case 0 if changed:
                changed[place % len(changed)] ^= 1 << draw.few(0, 7)
            case 1 if changed:
                changed[place % len(changed)] = draw.few(0, 255)
            case 2:
                changed[place : place + 8] = struct.pack("<Q", draw.choice(SIZES))
            case 3:
                word = struct.pack("<I", draw.choice(SIZES) & 0xFFFFFFFF)
                changed[place : place + 4] = word
            case 4:
                del changed[place : place + draw.few(1, 64)]
            case 5:
                changed[place:place] = changed[place : place + draw.few(1, 64)]
            case 6:
                del changed[place:]
            case _:
                number = struct.pack("<d", draw.choice(NUMBERS))
                changed[place : place + 8] = number
    return bytes(changed)


def _structured(draw: Draw, path: Path, data: bytes) -> bytes | None:
    try:
        match path.suffix:
            case ".json":
                return _json_bytes(draw, json.loads(data))
            case ".jsonl":
                lines = [line for line in data.split(b"\n") if line]
                place = draw.randrange(len(lines))
                lines[place] = _json_bytes(draw, json.loads(lines[place]))
                return b"\n".join(lines)
            case ".safetensors":
                return _safetensors(draw, data)
            case ".npz":
                return _npz(draw, data)
            case ".npy":
                return _npy(draw, data)
    except (ValueError, IndexError, KeyError, zipfile.BadZipFile):
        return None
    return None


def _json_bytes(draw: Draw, value: Any) -> bytes:
    if draw.once_in(30):
        return b'{"a":' + b"[" * draw.choice([100, 10**5]) + b"]" * 9
    if draw.once_in(30):
        return b"9" * draw.choice([20, 5000])
    text = json.dumps(_changed(draw, value))
    if draw.once_in(10):
        text = text.replace(": ", ": NaN, " if draw.once_in(3) else ":  ", 1)
    return text.encode()


def _changed(draw: Draw, value: Any) -> Any:
    """The value with something in it replaced, taken away or said twice."""
    inner = isinstance(value, dict | list) and value and not draw.once_in(6)
    if not inner:
        return draw.choice(JSON_VALUES)
    if isinstance(value, list):
        place = draw.randrange(len(value))
        copy = list(value)
        if draw.once_in(4):
            copy = copy[:place] + copy[place + 1 :] if draw.once_in(2) else copy * 2
        else:
            copy[place] = _changed(draw, copy[place])
        return copy
    key = draw.choice(sorted(value))
    copy = dict(value)
    if draw.once_in(5):
        moved = copy.pop(key)
        if draw.once_in(2):
            copy[draw.choice([*value, "new"])] = moved
    else:
        copy[key] = _changed(draw, copy[key])
    return copy


def _safetensors(draw: Draw, data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name = draw.choice(sorted(header))
    match draw.few(0, 3):
        case 0 if name != "__metadata__":
            dtypes = ["F16", "BF16", "F64", "I64", "I8", "F8_E4M3", "BOOL", "F32"]
            header[name]["dtype"] = draw.choice(dtypes)
        case 1 if name != "__metadata__":
            shape = header[name]["shape"]
            header[name]["shape"] = draw.choice(
                [[], shape[::-1], [*shape, 1], [-1], [0]]
            )
        case 2:
            header["__metadata__"] = _changed(
                draw, header.get("__metadata__", {"a": "b"})
            )
        case _:
            header = _changed(draw, header)
    body = bytearray(data[8 + length :])
    if body and draw.once_in(2):
        place = draw.randrange(len(body)) // 4 * 4
        body[place : place + 4] = struct.pack("<f", draw.choice([np.nan, np.inf, 3e38]))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(body)


def _npy(draw: Draw, data: bytes) -> bytes:
    """An npy file with another header, or another array."""
    if draw.once_in(2):
        stream = io.BytesIO()
        array = draw.array()
        if isinstance(array, memoryview):
            return data
        np.save(stream, array, allow_pickle=True)
        return stream.getvalue()
    descr = draw.choice(
        ["'<f4'", "'|O'", "'<f8'", "[]", "'V0'", "(", "1", "'<f4', 'x': y"]
    )
    shape = draw.choice(
        ["(12, 5)", "(-1, 5)", "(2**40, 2)", f"({2**62}, 8)", "(1e9,)", "5"]
    )
    order = draw.choice(["False", "True", "None", "0"])
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if draw.once_in(5):
        text = draw.choice(
            ["(" * 300, "", "{", "\\", "'" * 3, "\0" * 9, "{1: 2}", "1 +"]
        )
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data[128:]


def _npz(draw: Draw, data: bytes) -> bytes:
    """An archive with one member changed, its sums right again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(sorted(members))
    match draw.few(0, 4):
        case 0:
            del members[name]
        case 1:
            members[draw.choice(["../x.npy", "x", "", "b" * 300])] = members.pop(name)
        case 2 if "header.npy" in members:
            array = np.load(io.BytesIO(members["header.npy"]))
            text = _json_bytes(draw, json.loads(array.tobytes()))
            stream = io.BytesIO()
            np.save(stream, np.frombuffer(text, np.uint8))
            members["header.npy"] = stream.getvalue()
        case 3:
            members[name] = _bytes(draw, members[name])
        case _:
            members[name] = _npy(draw, members[name])
    if "header.npy" in members and draw.once_in(2):
        _sum_again(members)
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if draw.once_in(3) else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return stream.getvalue()


def _sum_again(members: dict[str, bytes]) -> None:
    """Give an accumulator file the checksum of what it now holds."""
    from vaccine_swift.drift.archive import checksum

    try:
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(content))
            for name, content in members.items()
        }
        header = json.loads(arrays.pop("header").tobytes())
        header.pop("checksum", None)
        header["checksum"] = checksum(arrays, header)
    except Exception:  # noqa: BLE001  # then it stays wrong
        return
    stream = io.BytesIO()
    np.save(stream, np.frombuffer(json.dumps(header).encode(), np.uint8))
    members["header.npy"] = stream.getvalue()
