"""Weights held in GGUF blocks compute what their numbers compute."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import checkpoint_files as files
import gguf
import numpy as np
import pytest
import small_models
from quantised_files import SUPER, write

import vaccine_swift as vs
from vaccine_swift.checkpoints.gguf import GGUFFile
from vaccine_swift.models import core_weights

SMALL = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def both(path: Path) -> tuple[vs.CausalLM, vs.CausalLM]:
    """The file in blocks, and dequantised by the gguf package."""
    blocks = vs.CausalLM.from_pretrained(path, dtype="gguf")
    assert blocks.dtype == "gguf"
    numbers = vs.CausalLM.from_pretrained(path)
    check_numbers(path, numbers)
    return blocks, numbers


def check_numbers(path: Path, model: vs.CausalLM) -> None:
    """The weights are, bit for bit, what the gguf package reads of the file."""
    file, read = GGUFFile(path), core_weights.CoreWeights(model.core)
    for name in read.shapes:
        np.testing.assert_array_equal(read.read(name), file.read(name), name)


def ids(count: int, seed: int = 0) -> np.ndarray:
    size = len(files.vocabulary()[0])
    return np.random.default_rng(seed).integers(0, size, count)


def check_same(blocks: vs.CausalLM, numbers: vs.CausalLM) -> None:
    """Weights bit for bit, logits of more than three rows too, of fewer to rounding.

    Gradients are the same but for gates, which are kept in float16.
    """
    read, expected = (core_weights.CoreWeights(m.core) for m in (blocks, numbers))
    for name in expected.shapes:
        np.testing.assert_array_equal(read.read(name), expected.read(name), name)
    for count in (4, 5, 7, 70):
        np.testing.assert_array_equal(
            blocks.logits(ids(count)), numbers.logits(ids(count))
        )
    for count in (1, 2, 3):
        logits = numbers.logits(ids(count))
        error = np.linalg.norm(blocks.logits(ids(count)) - logits)
        assert error < 1e-5 * np.linalg.norm(logits)
    rows = [vs.Example(ids(n, n).tolist(), ids(n, n).tolist()) for n in (3, 17, 64)]
    batch = vs.Batch.pack(rows)
    states = []
    for model in (blocks, numbers):
        small_models.with_adapter(model)
        model.forward_backward(batch, method=vs.Vaccine(rho=0.5))
        states.append(model._adapter_tensors("gradient"))
    for name, values in states[1].items():
        # Half a unit in the last place of float16 is 2^-11 of a number.
        error = np.linalg.norm(states[0][name] - values)
        assert error < 2e-3 * np.linalg.norm(values), name


@pytest.mark.parametrize("kind", ["Q2_K", "Q3_K"])
def test_types_that_are_not_held_are_read_by_the_gguf_package(
    path: Path, kind: str
) -> None:
    config = files.gguf_config(hidden_size=256, intermediate_size=256)
    weights = files.random_weights(config)
    del weights["model.layers.0.mlp.up_proj.weight"]
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    generator = np.random.default_rng(0)
    raw = generator.integers(0, 32, (256, 256 // block * size), dtype=np.uint8)
    extra = {"blk.0.ffn_up.weight": (raw, gguf.GGMLQuantizationType[kind])}
    files.write_gguf(path, config, weights, quantization="Q8_0", extra=extra)
    assert not GGUFFile(path).is_held
    check_numbers(path, vs.CausalLM.from_pretrained(path))


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("head", ["tied", "untied"])
def test_blocks_of_32_compute_what_their_numbers_compute(
    path: Path, kind: str, head: str
) -> None:
    # 1120 inputs are packed in two parts, the second of which starts within a block.
    write(path, kind, tied=head == "tied", hidden_size=96, intermediate_size=1120)
    check_same(*both(path))


@pytest.mark.parametrize("kind", SUPER)
def test_blocks_of_256_compute_what_their_numbers_compute(
    path: Path, kind: str
) -> None:
    write(path, kind, hidden_size=256, intermediate_size=1280)
    check_same(*both(path))


@pytest.mark.parametrize("threads", [1, 3])
def test_types_may_differ_from_matrix_to_matrix(path: Path, threads: int) -> None:
    config = files.gguf_config(hidden_size=96, intermediate_size=160)
    weights = files.random_weights(config)
    kinds = ["Q5_0", "F16", "Q4_0", "Q8_0", "Q4_1", "BF16", "Q5_1"]
    extra = {}
    for index, (name, values) in enumerate(list(weights.items())):
        if values.ndim == 2:
            kind = gguf.GGMLQuantizationType[kinds[index % len(kinds)]]
            extra[files.gguf_name(name)] = (gguf.quantize(values, kind), kind)
            del weights[name]
    files.write_gguf(path, config, weights, extra=extra)
    before = vs.get_num_threads()
    try:
        vs.set_num_threads(threads)
        check_same(*both(path))
    finally:
        vs.set_num_threads(before)


def test_a_generation_is_that_of_the_numbers(path: Path) -> None:
    write(path, "Q4_1", hidden_size=96, intermediate_size=160)
    blocks, numbers = both(path)
    prompts = ["hello", "world hello", "a text of some more tokens", "or", "world"]
    for some in (prompts, prompts[:1]):
        texts = [m.generate(some, max_new_tokens=8) for m in (blocks, numbers)]
        assert texts[0] == texts[1]
        assert any(texts[0])


def test_the_matrices_are_not_copied(path: Path) -> None:
    write(path, "Q8_0", hidden_size=96, intermediate_size=160)
    name = "model.layers.0.mlp.up_proj.weight"
    first = vs.CausalLM.from_pretrained(path, dtype="gguf")
    before = first._read("weight", name)
    # The file's own bytes change below the model: what it reads changes with them.
    blocks = GGUFFile(path).blocks(name)
    offset = path.read_bytes().index(blocks.rows.tobytes())
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(np.float16(0).tobytes())
    after = first._read("weight", name)
    assert np.all(after[0, :32] == 0)
    np.testing.assert_array_equal(after[0, 32:], before[0, 32:])
    path.unlink()
    np.testing.assert_array_equal(first._read("weight", name), after)


def test_blocks_in_memory_outlive_a_file_that_is_cut_short(path: Path) -> None:
    write(path, "Q8_0", hidden_size=96, intermediate_size=160)
    mapped = vs.CausalLM.from_pretrained(path, dtype="gguf")
    expected = mapped.logits(ids(5))
    del mapped
    script = (
        "import sys, os, numpy as np, vaccine_swift as vs\n"
        "path, ids = sys.argv[1], [int(i) for i in sys.argv[2].split()]\n"
        "model = vs.CausalLM.from_pretrained(path, dtype='gguf', memory_map=False)\n"
        "os.truncate(path, 100)\n"
        "np.save(path + '.npy', model.logits(ids))\n"
    )
    words = " ".join(map(str, ids(5)))
    command = [sys.executable, "-c", script, str(path), words]
    assert subprocess.run(command, check=False).returncode == 0
    np.testing.assert_array_equal(np.load(f"{path}.npy"), expected)
