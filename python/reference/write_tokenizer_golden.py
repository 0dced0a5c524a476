"""Write the golden file of token ids: a byte-level vocabulary as transformers reads it.

The vocabulary is the first tokens of SmolLM2's (Apache-2.0) with the merges that lead
to them. Ids come from transformers reading a GGUF file that holds it, under three names
of pre-tokenisers. For "smollm", whose digit splitting transformers (5.23) leaves out
when it reads GGUF, the pre-tokeniser is that of the model's own ``tokenizer.json``.

    python python/reference/write_tokenizer_golden.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf
import tokenizers
import transformers
from tokenizers import pre_tokenizers

PYTHON = Path(__file__).resolve().parents[1]
sys.path.append(str(PYTHON / "tests"))

from checkpoint_files import add_field  # noqa: E402
from varied_strings import varied_strings  # noqa: E402

from vaccine_swift.assets import fetch_smollm2  # noqa: E402
from vaccine_swift.checkpoints.gguf import GGUFFile  # noqa: E402

GOLDEN = PYTHON / "tests" / "golden_tokenizer.json"
TOKENS = 1600
STRINGS = 200
KEY = "tokenizer.ggml."


def small_vocabulary() -> dict[str, Any]:
    """The metadata of the small tokeniser, without prefix."""
    metadata = GGUFFile(fetch_smollm2()).metadata
    tokens = metadata[KEY + "tokens"][:TOKENS]
    known = set(tokens)
    return {
        "model": "gpt2",
        "tokens": tokens,
        "token_type": metadata[KEY + "token_type"][:TOKENS],
        "merges": [
            merge
            for merge in metadata[KEY + "merges"]
            if merge.replace(" ", "") in known
        ],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "add_bos_token": False,
    }


def transformers_ids(
    vocabulary: dict[str, Any], pre: str, texts: list[str]
) -> list[list[int]]:
    """Ids of `texts` by transformers, from a GGUF file."""
    with tempfile.TemporaryDirectory() as folder:
        writer = gguf.GGUFWriter(Path(folder) / "tokenizer.gguf", "llama")
        for key, value in (vocabulary | {"pre": pre}).items():
            add_field(writer, KEY + key, value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, gguf_file="tokenizer.gguf"
        )
    if pre == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
    return [tokenizer.encode(text) for text in texts]


def main() -> None:
    """Write the file."""
    vocabulary, texts = small_vocabulary(), varied_strings(STRINGS)
    golden = {
        "versions": {
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "vocabulary": vocabulary,
        "texts": texts,
        "ids": {
            pre: transformers_ids(vocabulary, pre, texts)
            for pre in ("smollm", "gpt-2", "llama-bpe")
        },
    }
    text = json.dumps(golden, separators=(",", ":")).replace('],"', '],\n"')
    GOLDEN.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
