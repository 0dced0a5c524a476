"""Ids of GGUF vocabularies against llama.cpp, where ``llama-cpp-python`` is installed.

SmolLM2's file, the golden byte-level vocabulary under every pre-tokeniser, and small
SentencePiece models; 2,000 varied strings each.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoint_files as files
import pytest
import sentencepiece_models as spm
from varied_strings import varied_strings

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2
from vaccine_swift.checkpoints.gguf import GGUFFile

llama_cpp: Any = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python")
pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

# llama.cpp takes a text to end at its first NUL.
STRINGS = [text for text in varied_strings(2000) if "\0" not in text]
GOLDEN = Path(__file__).resolve().parents[1] / "golden_tokenizer.json"


def assert_ids_equal(path: Path, ours: vs.Tokenizer, texts: list[str]) -> None:
    """Ids without BOS and EOS, special tokens that are written out included."""
    theirs = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    assert len(texts) > 1000
    for text in texts:
        expected = theirs.tokenize(text.encode(), add_bos=False, special=True)
        assert ours.encode(text, add_special_tokens=False) == expected, text


def test_ids_of_smollm2s_file() -> None:
    """Its vocabulary lacks the byte 0xF1, with which characters from U+40000 begin.

    Both sides leave it out; the ``tokenizers`` library, and so transformers, then
    merges what stood before and after it.
    """
    path = fetch_smollm2()
    ours = vs.Tokenizer.from_gguf(GGUFFile(path).metadata)
    texts = [text for text in STRINGS if max(text, default="") < "\U00040000"]
    assert_ids_equal(path, ours, texts)


def without_marks(text: str) -> bool:
    """Under gpt-4o llama.cpp counts no combining mark to a word; the model does."""
    return not any(unicodedata.category(character)[0] == "M" for character in text)


def is_composed(text: str) -> bool:
    """Qwen's own tokeniser composes characters, llama.cpp does not."""
    return unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize(
    ("pre", "comparable"),
    [
        ("gpt-2", bool),
        ("olmo", bool),
        ("smollm", bool),
        ("llama-bpe", bool),
        ("dbrx", bool),
        ("qwen2", is_composed),
        ("gpt-4o", without_marks),
    ],
)
def test_ids_under_each_pre_tokenizer(
    tmp_path: Path, pre: str, comparable: Callable[[str], bool]
) -> None:
    fields = json.loads(GOLDEN.read_text())["vocabulary"] | {"pre": pre}
    metadata = {f"tokenizer.ggml.{key}": value for key, value in fields.items()}
    path = files.write_vocabulary(tmp_path / "vocabulary.gguf", metadata)
    ours = vs.Tokenizer.from_gguf(metadata)
    assert_ids_equal(path, ours, [text for text in STRINGS if comparable(text)])


@pytest.mark.parametrize("kind", ["bpe", "bpe without prefix", "gemma"])
def test_ids_of_pieces_with_scores(tmp_path: Path, kind: str) -> None:
    model = spm.trained(kind, tmp_path / "tokenizer.model")
    metadata = spm.gguf_metadata(model, add_space_prefix=kind == "bpe")
    path = files.write_vocabulary(tmp_path / "vocabulary.gguf", metadata)
    turn = "<start_of_turn>user\nHi  there<end_of_turn>\n  <h1> x"
    assert_ids_equal(path, vs.Tokenizer.from_gguf(metadata), [*STRINGS, turn])
