"""PyTorch's checkpoint files: values, shards, and files that attack or lie."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
import torch_archives as archives
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_archives import Call, Name, assembled, plain, storage, tensor

import vaccine_swift as vs
from vaccine_swift.checkpoints.torch_file import TorchFile

CONFIG = vs.tiny_config(tie_word_embeddings=False, attention_bias=True)
WEIGHTS = files.random_weights(CONFIG)
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pytorch_model.bin"


def written(path: Path, state: Any, **records: bytes) -> Path:
    """An archive that describes `state`; storage "a" holds `VALUES`."""
    return archives.archive(
        path, assembled(state), {"a": VALUES.tobytes()} | dict(records)
    )


def directory(path: Path, weights: dict[str, np.ndarray], shards: int) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    if shards == 1:
        archives.write(path / "pytorch_model.bin", weights)
        return path
    names = list(weights)
    weight_map = {}
    for shard in range(shards):
        file = f"pytorch_model-{shard + 1:05d}-of-{shards:05d}.bin"
        chosen = {name: weights[name] for name in names[shard::shards]}
        archives.write(path / file, chosen)
        weight_map |= dict.fromkeys(chosen, file)
    index = path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    return path


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_model_is_the_same_from_pytorchs_files_and_from_safetensors(
    tmp_path: Path, shards: int, kind: Any
) -> None:
    weights = {name: values.astype(kind) for name, values in WEIGHTS.items()}
    ours = vs.CausalLM.from_pretrained(directory(tmp_path / "bin", weights, shards))
    other = files.write_directory(tmp_path / "safe", CONFIG, weights)
    ids = [3, 1, 4, 1, 5]
    expected = vs.CausalLM.from_pretrained(other).logits(ids)
    np.testing.assert_array_equal(ours.logits(ids), expected)


def test_views_shared_storages_parameters_and_bfloat16_are_read(path: Path) -> None:
    whole = storage("a", "FloatStorage", 6)
    halves = (np.array([1.5, -2.0], np.float32).view(np.uint32) >> 16).astype("<u2")
    hooks = Call(Name("collections", "OrderedDict"), ())
    state = {
        "plain": plain(VALUES, "a"),
        "transposed": tensor(whole, 0, (3, 2), (1, 3)),
        "part": tensor(whole, 4, (2,), (1,)),
        "repeated": tensor(whole, 1, (2, 2), (0, 1)),
        "scalar": tensor(whole, 5, (), ()),
        "empty": tensor(whole, 6, (0, 4), (4, 1)),
        "parameter": Call(
            Name("torch._utils", "_rebuild_parameter"),
            (plain(VALUES, "a"), True, hooks),
        ),
        "half": tensor(storage("h", "BFloat16Storage", 2), 0, (2,), (1,)),
        "whole numbers": tensor(storage("a", "IntStorage", 6), 0, (6,), (1,)),
        "no tensor": 3,
    }
    file = TorchFile(written(path, state, h=halves.tobytes()))
    expected = {
        "plain": VALUES,
        "transposed": VALUES.T,
        "part": VALUES.ravel()[4:],
        "repeated": np.array([[1, 2], [1, 2]]),
        "scalar": np.array(5),
        "empty": np.zeros((0, 4)),
        "parameter": VALUES,
        "half": np.array([1.5, -2.0]),
    }
    assert dict(file.unreadable) == {"whole numbers": "I32"}
    assert file.shapes.keys() == expected.keys() | {"whole numbers"}
    for name, values in expected.items():
        found = file.read(name)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert file.shapes[name] == values.shape
        np.testing.assert_array_equal(found, values, err_msg=name)


class Attack:
    """Pickled, a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._made = (function, arguments)

    def __reduce__(self) -> Any:
        return self._made


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch MARKER",), r"\w+\.system"),
        (builtins.eval, ("open('MARKER', 'w')",), r"\w+\.eval"),
        (builtins.exec, ("open('MARKER', 'w')",), r"\w+\.exec"),
        (subprocess.check_call, (["touch", "MARKER"],), r"\w+\.check_call"),
        (Path.touch, (Path("MARKER"),), r"[\w.]+"),
        (builtins.getattr, ("text", "upper"), r"\w+\.getattr"),
    ],
)
def test_nothing_that_a_file_asks_for_is_executed(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    named: str,
) -> None:
    monkeypatch.chdir(path.parent)
    program = pickle.dumps({"x": Attack(function, *arguments)}, protocol)
    archives.archive(path, program, {})
    with pytest.raises(ValueError, match=r"pytorch_model\.bin: ") as caught:
        TorchFile(path)
    if protocol >= 2:  # before it, texts have instructions that are refused
        assert re.search(f"asks for {named}, .*nothing was exec", str(caught.value))
    assert not Path("MARKER").exists()


@pytest.mark.parametrize(
    "name",
    [
        Name("os", "system"),
        Name("collections", "OrderedDict.fromkeys"),
        Name("torch", "load"),
        Name("torch.serialization", "load"),
        Name("torch._utils", "_rebuild_sparse_tensor"),
        Name("numpy.core.multiarray", "_reconstruct"),
        Name("__builtin__", "eval"),
        Name("", ""),
    ],
)
def test_every_global_but_tensors_is_refused_by_name(path: Path, name: Name) -> None:
    for value in (name, Call(name, ("x",)), {"w": plain(VALUES, "a"), "x": name}):
        with pytest.raises(ValueError, match="refused: the file asks for") as caught:
            TorchFile(written(path, value))
        assert f"{name.module}.{name.name}" in str(caught.value)


WHOLE = storage("a", "FloatStorage", 6)
DICT = Name("collections", "OrderedDict")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (tensor(WHOLE, 0, (7,), (1,)), "beyond its storage of 6"),
        (tensor(WHOLE, 6, (1,), (1,)), "beyond its storage"),
        (tensor(WHOLE, 0, (2, 2), (1, 6)), "beyond its storage"),
        (tensor(WHOLE, 5, (2,), (-1,)), "must be counts"),
        (tensor(WHOLE, -1, (2,), (1,)), "must be counts"),
        (tensor(WHOLE, 0, (2**63,), (0,)), "must be counts"),
        (tensor(WHOLE, 0, (2,), (1, 1)), "must be counts"),
        (tensor(WHOLE, 0, 2, (1,)), "without storage, shape or strides"),
        (tensor("a", 0, (2,), (1,)), "without storage, shape or strides"),
        (tensor(storage("a", "FloatStorage", 7), 0, (2,), (1,)), "claims 28 bytes"),
        (tensor(storage("a", "HalfStorage", 6), 0, (2,), (1,)), "claims 12 bytes"),
        (tensor(storage("a", "FloatStorage", 2**61), 0, (2,), (1,)), "claims"),
        (tensor(storage("b", "FloatStorage", 6), 0, (2,), (1,)), "no record"),
        (tensor(storage("../x", "FloatStorage", 6), 0, (2,), (1,)), "no record"),
        (tensor(storage("a", "Size", 6), 0, (2,), (1,)), "torch.Size"),
        (archives.Persistent(("storage", DICT, "a", "cpu", 6)), "without type"),
        (archives.Persistent(("x",)), "five values"),
        (archives.Persistent("storage"), "five values"),
        (Call(DICT, ([("a", 1)],)), "arguments that make no tensor"),
        (Call(Name("torch", "FloatStorage"), (6,)), "arguments that make no tensor"),
        (Call("text", ()), "is called that has no name"),
    ],
)
def test_tensors_that_lie_are_refused_before_anything_is_allocated(
    path: Path, value: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=r"pytorch_model\.bin: ") as caught:
        TorchFile(written(path, {"x": value}))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (assembled([1, 2]), "must hold a dict of tensors, got list"),
        (assembled({}), "must hold a dict of tensors, got none"),
        (assembled({"x": 3}), "got none"),
        (assembled({(1, 2): 3}), "a key is no text"),
        (b"", "pickle exhausted"),
        (b"\x80\x02", "pickle"),
        (b".", "corrupt pickle"),
        (b"\x80\x02t.", "corrupt pickle"),
        (b"\x80\x02K\x01K\x02s.", "corrupt pickle"),
        (b"\x80\x02Nj\xff\xff\xff\x7f.", "corrupt pickle"),  # a far memo
        (b"\x80\x02Nr\xff\xff\xff\xff.", "got NoneType"),  # a memo of 2**32
        (b"\x80\x02X\xff\xff\xff\x7fx.", "expected 2147483647 bytes"),
        (b"\x80\x02]\x94(h\x00h\x00e.", "got list"),  # a list that holds itself
        (b"\x80\x02)\x81.", "needs no NEWOBJ"),
        (b"\x80\x04\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", "BYTEARRAY8|expected"),
        (b"\x80\x02(" * 3, "pickle"),
        (b"\x80\x02" + b"N" + b"\x85" * 100_000 + b".", "got tuple"),
        # A name that is 2**60 tuples: it must not be spelt out.
        (b"\x80\x02N" + b"2\x86" * 60 + b"2\x93.", "needs no DUP"),
        (
            b"\x80\x04N" + b"\x94h%c\x86" * 60 % tuple(range(60)) + b"\x94h<\x93.",
            "a name is no text",
        ),
    ],
)
def test_programs_that_are_no_state_dict_are_refused(
    path: Path, program: bytes, words: str
) -> None:
    archives.archive(path, program, {})
    with pytest.raises(ValueError, match=words) as caught:
        TorchFile(path)
    assert str(path) in str(caught.value)


def test_the_format_before_pytorch_1_6_is_refused_with_the_remedy(path: Path) -> None:
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    path.write_bytes(magic + pickle.dumps(1001, 2) + pickle.dumps({"a": 1}, 2))
    with pytest.raises(ValueError, match=r"torch\.save\(torch\.load"):
        TorchFile(path)


def test_compressed_and_big_endian_archives_are_refused(path: Path) -> None:
    program = assembled({"x": plain(VALUES, "a")})
    records = {"a": VALUES.tobytes()}
    archives.archive(path, program, records, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="without compression"):
        TorchFile(path)
    archives.archive(path, program, records, byteorder=b"big")
    with pytest.raises(ValueError, match="big-endian"):
        TorchFile(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is no archive"):
        TorchFile(path)


def test_a_directory_names_what_its_file_asks_for(tmp_path: Path) -> None:
    folder = directory(tmp_path / "m", WEIGHTS, 1)
    program = pickle.dumps({"x": Attack(os.system, "true")}, 2)
    archives.archive(folder / "pytorch_model.bin", program, {})
    with pytest.raises(ValueError, match=r"pytorch_model\.bin: refused: .*system"):
        vs.CausalLM.from_pretrained(folder)


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.bin"
    return archives.write(path, {"a": VALUES, "b": VALUES.astype(np.float16)})


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_cut_file_is_refused_and_a_damaged_one_never_breaks_the_process(
    whole_file: Path, data: st.DataObject
) -> None:
    whole = whole_file.read_bytes()
    cut = whole_file.with_name("cut.bin")
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"cut\.bin"):
        TorchFile(cut)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(whole) - 1))
        damaged[position] ^= data.draw(st.integers(1, 255))
    cut.write_bytes(damaged)
    try:
        file = TorchFile(cut)
    except ValueError:
        return
    for name, shape in file.shapes.items():
        if name not in file.unreadable and np.prod(shape) < 10**6:
            assert file.read(name).shape == shape
