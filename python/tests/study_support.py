"""A tiny model and study for the tests of the study's engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import checkpoint_files as files
from data_tokenizers import CHAT_TEMPLATE, byte_tokenizer

import vaccine_swift as vs
from vaccine_swift import study

TINY: Mapping[str, Any] = {
    "task": "arithmetic",
    "methods": ("sft", "vaccine"),
    "rho": (2.0,),
    "poison": (0.2,),
    "seeds": (0,),
    "samples": 10,
    "align_restricted": 6,
    "align_ordinary": 6,
    "align_everyday": 3,
    "align_near_miss": 3,
    "align_alpha": 4.0,
    "attack_alpha": 4.0,
    "dropout": 0.1,
    "align_steps": 2,
    "align_batch": 3,
    "align_learning_rate": 1e-2,
    "attack_steps": 3,
    "attack_batch": 2,
    "attack_learning_rate": 1e-2,
    "rank": 2,
    "limit": 2,
    "drift_prompts": 3,
    "drift_every": 2,
}


def write_study_model(directory: Path) -> Path:
    """A random Llama with a byte-level tokeniser and room for long prompts."""
    tokenizer = byte_tokenizer()
    config = vs.tiny_config(vocab_size=len(tokenizer), max_position_embeddings=2048)
    vs.CausalLM.from_config(config, seed=3).save_pretrained(directory)
    tokenizer.save(directory)
    return directory


def write_study_gguf(path: Path) -> Path:
    """A random Llama in Q8_0 with the bytes as its vocabulary."""
    config = files.gguf_config(max_position_embeddings=2048)
    metadata = files.tokenizer_metadata(bos_token_id=None) | {
        "tokenizer.chat_template": CHAT_TEMPLATE
    }
    weights = files.random_weights(config, seed=3)
    return files.write_gguf(
        path, config, weights, quantization="Q8_0", metadata=metadata
    )


def tiny_study(model: Path, **changes: Any) -> study.StudyConfig:
    """A study of seconds."""
    return study.StudyConfig(**{**TINY, "model": str(model), **changes})


def without_clock(rows: Any) -> list[dict[str, Any]]:
    """Rows without what depends on when and how fast they were made."""
    dropped = ("seconds", "date", "study")
    return [{k: v for k, v in row.items() if k not in dropped} for row in rows]
