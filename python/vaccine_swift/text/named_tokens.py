"""The tokens that a tokeniser's model gives a name, and those that end a generation."""

from __future__ import annotations

from collections.abc import Mapping

import tokenizers

__all__ = ["NamedTokens"]


class NamedTokens:
    """A tokeniser's special tokens by their names, as texts and ids."""

    _backend: tokenizers.Tokenizer
    _special: Mapping[str, str]
    _end_ids: tuple[int, ...]

    @property
    def bos_token(self) -> str | None:
        """The token that opens a text, if the model has one."""
        return self._special.get("bos_token")

    @property
    def bos_token_id(self) -> int | None:
        """The id of `bos_token`."""
        return self._token_id("bos_token")

    @property
    def eos_token(self) -> str | None:
        """The token that ends a text or a turn, if the model has one."""
        return self._special.get("eos_token")

    @property
    def eos_token_id(self) -> int | None:
        """The id of `eos_token`."""
        return self._token_id("eos_token")

    @property
    def end_token_ids(self) -> tuple[int, ...]:
        """Ids of all tokens that end a generation: EOS, end of turn, end of message.

        In rising order; empty where the model has none.
        """
        return self._end_ids

    @property
    def end_tokens(self) -> tuple[str, ...]:
        """The texts of `end_token_ids`."""
        texts = (self._backend.id_to_token(index) for index in self._end_ids)
        return tuple(text for text in texts if text is not None)

    def _token_id(self, name: str) -> int | None:
        token = self._special.get(name)
        return None if token is None else self._backend.token_to_id(token)
