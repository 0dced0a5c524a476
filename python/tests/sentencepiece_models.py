"""Small SentencePiece models, trained by the library itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from varied_strings import varied_strings

KINDS: dict[str, dict[str, Any]] = {
    "bpe": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
        "allow_whitespace_only_pieces": True,
    },
    "unigram": {"model_type": "unigram"},
    "unigram with bytes": {
        "model_type": "unigram",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
    },
    "bpe without prefix": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
    },
    "gemma": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
        "allow_whitespace_only_pieces": True,
        "add_dummy_prefix": False,
        **{f"{name}_piece": f"<{name}>" for name in ("pad", "eos", "bos", "unk")},
        "pad_id": 0,
        "eos_id": 1,
        "bos_id": 2,
        "unk_id": 3,
        "user_defined_symbols": [
            *("<mask>", "<start_of_turn>", "<end_of_turn>", "\t", "<h1>"),
            *("\n" * count for count in range(1, 4)),
            *("▁" * count for count in range(2, 9)),
        ],
    },
}


def trained(kind: str, path: Path, **options: Any) -> Path:
    """A ``tokenizer.model`` of one of `KINDS`."""
    texts = [t.replace("\n", " ") for t in varied_strings(60) if t.strip(" \n\t\r\0")]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([t for t in texts if "\0" not in t] * 5),
        model_writer=written,
        vocab_size=800,
        character_coverage=0.99,
        hard_vocab_limit=False,
        minloglevel=2,
        **KINDS[kind],
        **options,
    )
    path.write_bytes(written.getvalue())
    return path


def processor(path: Path) -> sentencepiece.SentencePieceProcessor:
    """The library's own tokeniser of a file."""
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def gguf_metadata(path: Path, **changes: Any) -> dict[str, Any]:
    """What llama.cpp's converter writes of a ``tokenizer.model``."""
    library = processor(path)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(path.read_bytes())
    # The spaces of what is found in a text before it is normalised are spaces.
    texts = [
        piece.piece.replace("▁", " ") if piece.type == 4 else piece.piece
        for piece in model.pieces
    ]
    fields = {
        "model": "llama",
        "tokens": texts,
        "scores": [piece.score for piece in model.pieces],
        "token_type": [piece.type for piece in model.pieces],
        "bos_token_id": library.bos_id(),
        "eos_token_id": library.eos_id(),
        "unknown_token_id": library.unk_id(),
    } | changes
    return {f"tokenizer.ggml.{key}": v for key, v in fields.items() if v is not None}
