"""A GGUF file of Llama 2's shape in Q4_0, its weights random: 3.8 GB for 7B.

Tensors are written one after the other, so it takes little memory. There is no
vocabulary: it is for speed and memory, not for text.

    python python/benchmarks/llama_shaped.py llama-7b.Q4_0.gguf [--layers 32]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np

HIDDEN, INNER, HEADS, VOCABULARY = 4096, 11008, 32, 32000
KIND = gguf.GGMLQuantizationType.Q4_0
POOL = 1 << 16
"""Different blocks; a tensor repeats them from a place of its own on."""


def shapes(layers: int) -> dict[str, tuple[int, int]]:
    """Names and shapes [out, in] of all matrices, as llama.cpp has them."""
    matrices = {
        "token_embd": (VOCABULARY, HIDDEN),
        "output": (VOCABULARY, HIDDEN),
    }
    for layer in range(layers):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrices[f"blk.{layer}.{name}"] = (HIDDEN, HIDDEN)
        for name in ("ffn_gate", "ffn_up"):
            matrices[f"blk.{layer}.{name}"] = (INNER, HIDDEN)
        matrices[f"blk.{layer}.ffn_down"] = (HIDDEN, INNER)
    return matrices


def blocks(pool: np.ndarray, count: int, start: int) -> np.ndarray:
    """`count` blocks of the pool from a place on."""
    return pool[np.arange(start, start + count) % POOL]


def write(path: Path, layers: int) -> None:
    """Write the file."""
    generator = np.random.default_rng(0)
    pool = gguf.quantize(generator.normal(0, 0.02, (POOL, 32)).astype(np.float32), KIND)
    norms = ["output_norm"]
    for layer in range(layers):
        norms += [f"blk.{layer}.attn_norm", f"blk.{layer}.ffn_norm"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(layers)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    matrices = shapes(layers)
    for name, (rows, columns) in matrices.items():
        size = (rows, columns // 32 * pool.shape[1])
        writer.add_tensor_info(
            f"{name}.weight", size, np.dtype(np.uint8), rows * size[1], KIND
        )
    for name in norms:
        writer.add_tensor_info(
            f"{name}.weight", (HIDDEN,), np.dtype(np.float32), 4 * HIDDEN
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for rows, columns in matrices.values():
        start = int(generator.integers(POOL))
        values = blocks(pool, rows * columns // 32, start)
        writer.write_tensor_data(values.reshape(rows, -1))
    for _ in norms:
        writer.write_tensor_data(np.ones(HIDDEN, np.float32))
    writer.close()


def main() -> None:
    """Read the command line, write the file, say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--layers", type=int, default=32)
    arguments = parser.parse_args()
    write(arguments.path, arguments.layers)
    print(f"{arguments.path}: {arguments.path.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
