"""GGUF files in the shape of known models, their weights random.

Tensors are written one after the other, so it takes little memory. There is no
vocabulary: they are for speed and memory, not for text.

    python python/benchmarks/shaped.py llama-2-7b llama-7b.Q4_0.gguf [--layers 32]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np

KIND: Final = gguf.GGMLQuantizationType.Q4_0
POOL: Final = 1 << 16
"""Different blocks; a tensor repeats them from a place of its own on."""


@dataclass(frozen=True)
class Shape:
    """What the shapes of a model's tensors follow from."""

    family: str
    hidden: int
    inner: int
    heads: int
    key_value_heads: int
    layers: int
    vocabulary: int
    tied: bool
    biases: bool = False
    epsilon: float = 1e-5
    base: float = 10000.0

    @property
    def head(self) -> int:
        """Numbers of a head."""
        return self.hidden // self.heads

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Names and shapes [out, in] of all matrices, as llama.cpp has them."""
        narrow = self.head * self.key_value_heads
        found = {"token_embd": (self.vocabulary, self.hidden)}
        if not self.tied:
            found["output"] = (self.vocabulary, self.hidden)
        for layer in range(self.layers):
            for name, outputs in (("q", self.hidden), ("k", narrow), ("v", narrow)):
                found[f"blk.{layer}.attn_{name}"] = (outputs, self.hidden)
            found[f"blk.{layer}.attn_output"] = (self.hidden, self.hidden)
            for name in ("ffn_gate", "ffn_up"):
                found[f"blk.{layer}.{name}"] = (self.inner, self.hidden)
            found[f"blk.{layer}.ffn_down"] = (self.hidden, self.inner)
        return found

    def vectors(self) -> dict[str, int]:
        """Names and lengths of norms and biases."""
        found = {"output_norm.weight": self.hidden}
        for layer in range(self.layers):
            for name in ("attn_norm", "ffn_norm"):
                found[f"blk.{layer}.{name}.weight"] = self.hidden
            if self.biases:
                narrow = self.head * self.key_value_heads
                for name, size in (("q", self.hidden), ("k", narrow), ("v", narrow)):
                    found[f"blk.{layer}.attn_{name}.bias"] = size
        return found

    def config(self) -> dict[str, Any]:
        """The same as a ``config.json``."""
        names = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}
        return {
            "model_type": self.family,
            "architectures": [names[self.family]],
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "num_hidden_layers": self.layers,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
            "rms_norm_eps": self.epsilon,
            "rope_theta": self.base,
            "max_position_embeddings": 4096,
            "hidden_act": "silu",
        }


SHAPES: Final = {
    "qwen2.5-0.5b": Shape(
        "qwen2", 896, 4864, 14, 2, 24, 151936, True, True, epsilon=1e-6, base=1e6
    ),
    "llama-3.2-1b": Shape("llama", 2048, 8192, 32, 8, 16, 128256, True, base=5e5),
    "llama-2-7b": Shape("llama", 4096, 11008, 32, 32, 32, 32000, False),
}


def blocks(pool: np.ndarray, count: int, start: int) -> np.ndarray:
    """`count` blocks of the pool from a place on."""
    return pool[np.arange(start, start + count) % POOL]


def write(path: Path, shape: Shape) -> None:
    """Write the file, all matrices in Q4_0."""
    generator = np.random.default_rng(0)
    pool = gguf.quantize(generator.normal(0, 0.02, (POOL, 32)).astype(np.float32), KIND)
    writer = gguf.GGUFWriter(path, shape.family)
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.inner)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_value_heads)
    writer.add_rope_freq_base(shape.base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head)
    for name, (rows, columns) in shape.matrices().items():
        size = (rows, columns // 32 * pool.shape[1])
        writer.add_tensor_info(
            f"{name}.weight", size, np.dtype(np.uint8), rows * size[1], KIND
        )
    for name, length in shape.vectors().items():
        writer.add_tensor_info(name, (length,), np.dtype(np.float32), 4 * length)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for rows, columns in shape.matrices().values():
        start = int(generator.integers(POOL))
        values = blocks(pool, rows * columns // 32, start)
        writer.write_tensor_data(values.reshape(rows, -1))
    for name, length in shape.vectors().items():
        number = 0 if name.endswith("bias") else 1
        writer.write_tensor_data(np.full(length, number, np.float32))
    writer.close()


def main() -> None:
    """Read the command line, write the file, say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("path", type=Path)
    parser.add_argument("--layers", type=int, help="in place of the model's")
    arguments = parser.parse_args()
    shape = SHAPES[arguments.shape]
    if arguments.layers is not None:
        shape = replace(shape, layers=arguments.layers)
    write(arguments.path, shape)
    print(f"{arguments.path}: {arguments.path.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
