"""Ids of GGUF vocabularies against transformers, which reads the files itself.

2,000 varied strings under each pre-tokeniser that both know, and Gemma's pieces.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import pytest
import sentencepiece_models as spm
from varied_strings import varied_strings

import vaccine_swift as vs

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

STRINGS = varied_strings(2000)
GOLDEN = Path(__file__).resolve().parents[1] / "golden_tokenizer.json"


def byte_level(pre: str) -> dict[str, Any]:
    """The golden vocabulary under a pre-tokeniser's name."""
    fields = json.loads(GOLDEN.read_text())["vocabulary"] | {"pre": pre}
    return {f"tokenizer.ggml.{key}": value for key, value in fields.items()}


def theirs(folder: Path, metadata: dict[str, Any], architecture: str) -> Any:
    from transformers import AutoTokenizer

    files.write_vocabulary(folder / "vocabulary.gguf", metadata, architecture)
    return AutoTokenizer.from_pretrained(folder, gguf_file="vocabulary.gguf")


@pytest.mark.parametrize("pre", ["gpt-2", "olmo", "llama-bpe", "dbrx", "gpt-4o"])
def test_byte_level_ids_equal_transformers(tmp_path: Path, pre: str) -> None:
    metadata = byte_level(pre)
    ours = vs.Tokenizer.from_gguf(metadata)
    expected = theirs(tmp_path, metadata, "llama")
    for text in STRINGS:
        found = ours.encode(text, add_special_tokens=False)
        assert found == expected.encode(text, add_special_tokens=False), text


@pytest.mark.parametrize("architecture", ["gemma2", "gemma3"])
def test_gemmas_ids_equal_transformers(tmp_path: Path, architecture: str) -> None:
    path = spm.trained("gemma", tmp_path / "tokenizer.model")
    metadata = spm.gguf_metadata(path, add_space_prefix=False)
    path.unlink()
    ours = vs.Tokenizer.from_gguf(metadata)
    expected = theirs(tmp_path, metadata, architecture)
    for text in [*STRINGS, "<start_of_turn>user\nHi  x<end_of_turn>\n", "   <h1>"]:
        assert ours.encode(text) == expected.encode(text), text
