"""GGUF files whose matrices are random blocks of one kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import gguf
import numpy as np

SUPER = ["Q4_K", "Q5_K", "Q6_K"]


def random_blocks(kind: str, rows: int, columns: int, seed: int) -> np.ndarray:
    """Every code random; scales are float16 numbers near 0.01, with both signs."""
    generator = np.random.default_rng(seed)
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    raw = generator.integers(0, 256, (rows, columns // block, size), dtype=np.uint8)
    scales = {"Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
    scales |= {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2]}
    small = 1e-4 if kind in SUPER else 0.01
    for place in scales[kind]:
        values = generator.normal(0, small, raw.shape[:2]).astype(np.float16)
        raw[:, :, place : place + 2] = values[..., None].view(np.uint8)
    return raw.reshape(rows, -1)


def write(path: Path, kind: str, *, tied: bool = True, **changes: Any) -> Path:
    """A file whose matrices are all of one kind."""
    config = files.gguf_config(tie_word_embeddings=tied, **changes)
    weights = files.random_weights(config)
    if kind in ("F32", "F16", "BF16"):
        return files.write_gguf(path, config, weights, quantization=kind)
    extra = {}
    for seed, (name, values) in enumerate(list(weights.items())):
        if values.ndim == 2:
            raw = random_blocks(kind, *values.shape, seed)
            extra[files.gguf_name(name)] = (raw, gguf.GGMLQuantizationType[kind])
            del weights[name]
    metadata = files.tokenizer_metadata()
    return files.write_gguf(path, config, weights, extra=extra, metadata=metadata)
