"""Vocabularies of SentencePiece, BPE and unigram, as ``tokenizers`` computes them.

They come from a ``tokenizer.model`` (read by the ``sentencepiece`` package) or from the
metadata of a GGUF file.

References: Kudo & Richardson 2018, arXiv:1808.06226; ``sentencepiece_model.proto``;
``convert_slow_tokenizer.py`` of transformers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
)

from vaccine_swift.checkpoints.end_tokens import TURN_TEXTS
from vaccine_swift.files.reading import read_whole

__all__ = ["Piece", "PieceVocabulary", "piece_tokenizer", "read_pieces"]

NORMAL: Final = 1
UNKNOWN: Final = 2
CONTROL: Final = 3
USER_DEFINED: Final = 4
BYTE: Final = 6
_SPACE: Final = "▁"


class Piece(NamedTuple):
    """One entry of a vocabulary; its place is its id."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class PieceVocabulary:
    """A SentencePiece model.

    Attributes
    ----------
    kind : {"bpe", "unigram"}
        How a text is cut into pieces.
    pieces : sequence of Piece
        By id.
    prefix : {"always", "first", "never"}
        Whether a space is put before a text: before every part of it between special
        tokens, or before the whole.
    charsmap : bytes
        SentencePiece's compiled normalisation; empty for none.
    squeezes_spaces : bool
        Whether spaces at both ends are cut and runs of them become one.
    begin, end : str, optional
        The tokens that open and close a text.
    """

    kind: Literal["bpe", "unigram"]
    pieces: Sequence[Piece]
    prefix: Literal["always", "first", "never"]
    charsmap: bytes = b""
    squeezes_spaces: bool = False
    begin: str | None = None
    end: str | None = None

    @property
    def unknown(self) -> int:
        """The id of the unknown piece."""
        for index, piece in enumerate(self.pieces):
            if piece.kind == UNKNOWN:
                return index
        raise ValueError("the vocabulary has no unknown token")


def read_pieces(path: Path, *, legacy: bool) -> PieceVocabulary:
    """Read a ``tokenizer.model``.

    Parameters
    ----------
    path : Path
        The file.
    legacy : bool
        Whether a space is put before every part between special tokens (``legacy`` of
        ``tokenizer_config.json``). Otherwise, as transformers does for BPE, before the
        text alone, and not where it begins with a space.

    Raises
    ------
    ValueError
        When the file is truncated or corrupt, or its model is neither BPE nor unigram;
        names the file.
    """
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(read_whole(path))
    except DecodeError as error:
        raise ValueError(f"{path}: truncated or corrupt: {error}") from error
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    if not model.pieces or trainer.model_type not in (trainer.BPE, trainer.UNIGRAM):
        raise ValueError(f"{path}: must hold a BPE or unigram model")
    texts = [piece.piece for piece in model.pieces]
    prefix: Literal["always", "first", "never"] = "always"
    if not normalizer.add_dummy_prefix:
        prefix = "never"
    elif (
        not legacy
        and trainer.model_type == trainer.BPE
        and not normalizer.remove_extra_whitespaces
    ):
        prefix = "first"
    return PieceVocabulary(
        kind="bpe" if trainer.model_type == trainer.BPE else "unigram",
        pieces=[Piece(p.piece, p.score, p.type) for p in model.pieces],
        prefix=prefix,
        charsmap=normalizer.precompiled_charsmap,
        squeezes_spaces=normalizer.remove_extra_whitespaces,
        begin=texts[trainer.bos_id] if 0 <= trainer.bos_id < len(texts) else None,
        end=texts[trainer.eos_id] if 0 <= trainer.eos_id < len(texts) else None,
    )


def piece_tokenizer(vocabulary: PieceVocabulary) -> Tokenizer:
    """The tokeniser of a SentencePiece model, special tokens found in texts.

    Raises
    ------
    ValueError
        When two pieces are equal, a score is not finite, or there is no unknown piece.
    """
    pieces = vocabulary.pieces
    ids = {piece.text: index for index, piece in enumerate(pieces)}
    if len(ids) != len(pieces):
        raise ValueError("the vocabulary holds a token twice")
    if not all(math.isfinite(piece.score) for piece in pieces):
        raise ValueError("the vocabulary's scores must be finite")
    has_bytes = any(piece.kind == BYTE for piece in pieces)
    unknown = vocabulary.unknown
    if vocabulary.kind == "bpe":
        model: models.Model = models.BPE(
            ids,
            _merges(pieces),
            unk_token=pieces[unknown].text,
            fuse_unk=True,
            byte_fallback=has_bytes,
        )
    else:
        model = models.Unigram(
            [(piece.text, piece.score) for piece in pieces],
            unk_id=unknown,
            byte_fallback=has_bytes,
        )
    backend = Tokenizer(model)
    _surround(backend, vocabulary, has_bytes=has_bytes)
    backend.add_special_tokens(
        [
            AddedToken(piece.text, normalized=False)
            for piece in pieces
            if piece.kind in (CONTROL, UNKNOWN)
            or (piece.kind == USER_DEFINED and piece.text in TURN_TEXTS)
        ]
    )
    # SentencePiece finds them in the normalised text, which is where the spaces of
    # Gemma's are; a prefix that is put before every part is not to be put before them.
    backend.add_tokens(
        [
            AddedToken(piece.text, normalized=vocabulary.prefix != "always")
            for piece in pieces
            if piece.kind == USER_DEFINED and piece.text not in TURN_TEXTS
        ]
    )
    return backend


def _merges(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    """Every pair of pieces that makes one, the best score first."""
    normal = {
        piece.text: (-piece.score, index)
        for index, piece in enumerate(pieces)
        if piece.kind == NORMAL
    }
    ranked = [
        (rank, text[:place], text[place:])
        for text, rank in normal.items()
        for place in range(1, len(text))
        if text[:place] in normal and text[place:] in normal
    ]
    return [(left, right) for _, left, right in sorted(ranked)]


def _surround(
    backend: Tokenizer, vocabulary: PieceVocabulary, *, has_bytes: bool
) -> None:
    """What happens to a text before it is cut, and to pieces after it."""
    steps: list[normalizers.Normalizer] = []
    if vocabulary.charsmap:
        steps.append(normalizers.Precompiled(vocabulary.charsmap))
    if vocabulary.squeezes_spaces:
        steps += [
            normalizers.Replace(Regex(r"\A +| +\z"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    if vocabulary.prefix == "always":
        steps.append(normalizers.Prepend(" "))
    if vocabulary.prefix == "first":
        backend.pre_tokenizer = pre_tokenizers.Metaspace(
            replacement=_SPACE, prepend_scheme="first", split=False
        )
    steps.append(normalizers.Replace(" ", _SPACE))
    backend.normalizer = normalizers.Sequence(steps)
    after: list[decoders.Decoder] = [decoders.Replace(_SPACE, " ")]
    if has_bytes:
        after.append(decoders.ByteFallback())
    after.append(decoders.Fuse())
    if vocabulary.prefix != "never":
        after.append(decoders.Strip(content=" ", left=1))
    backend.decoder = decoders.Sequence(after)
