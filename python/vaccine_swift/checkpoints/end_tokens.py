"""Texts of special tokens that end a turn, whatever the model calls its EOS.

References: ``special_eog_ids`` of llama.cpp (``llama-vocab.cpp``).
"""

from __future__ import annotations

from typing import Final

__all__ = ["END_TEXTS", "TURN_TEXTS"]

END_TEXTS: Final = frozenset(
    [
        "<|eot_id|>",
        "<|eom_id|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<|end_of_turn|>",
        "<end_of_turn>",
        "<|eos|>",
        "<|EOT|>",
        "<EOT>",
        "_<EOT>",
        "<|eot|>",
        "<|endofturn|>",
        "<｜end▁of▁sentence｜>",
        "<end_of_utterance>",
    ]
)
"""End of text, of turn and of message, as the models of the field spell them."""

TURN_TEXTS: Final = END_TEXTS | {"<start_of_turn>"}
"""What is special in a SentencePiece model that holds it as a piece like others."""
