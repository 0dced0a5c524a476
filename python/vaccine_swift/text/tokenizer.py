"""Text to token ids and back, with the model's special tokens and chat template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from vaccine_swift._arguments import check_type, checked_path
from vaccine_swift.checkpoints import gguf_vocabulary
from vaccine_swift.checkpoints.gguf_metadata import read_field
from vaccine_swift.checkpoints.tokenizer_files import read_tokenizer
from vaccine_swift.checkpoints.tokenizer_panics import refused_as
from vaccine_swift.files import settle, staged_files, write_json, write_text
from vaccine_swift.text.chat_template import named_templates, render_chat
from vaccine_swift.text.named_tokens import NamedTokens
from vaccine_swift.text.special_tokens import (
    add_listed_tokens,
    end_token_ids,
    special_tokens,
    template_tokens,
)

__all__ = ["Tokenizer"]


class Tokenizer(NamedTokens):
    """A tokeniser: the ``tokenizers`` library with what a model adds to it.

    Made by `from_directory` or `from_gguf`.

    Parameters
    ----------
    backend : tokenizers.Tokenizer
        Does the work.
    config : mapping
        What ``tokenizer_config.json`` holds: ``bos_token``, ``eos_token``,
        ``unk_token``, ``pad_token`` (strings, or dicts with ``content``),
        ``added_tokens_decoder`` (tokens that `backend` may lack, by their ids) and
        ``chat_template`` are used, the rest is kept for `save`.
    end_tokens : iterable of str
        Tokens beside EOS that end a generation. Those that end a turn in the chat
        template (``<|eot_id|>``, ``<|im_end|>``, ``<end_of_turn>`` …) are found. A
        padding token that the vocabulary lacks is added to it, as transformers does.

    Raises
    ------
    ValueError
        When a special or an end token is not in the vocabulary, or an added token
        does not get the id that `config` gives it.

    Examples
    --------
    >>> from tokenizers import Tokenizer as Backend, models, pre_tokenizers
    >>> backend = Backend(models.WordLevel({"a": 0, "b": 1, "<end>": 2}))
    >>> backend.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> tokenizer = Tokenizer(backend, {"eos_token": "<end>"})
    >>> tokenizer.encode("a b"), tokenizer.eos_token_id, len(tokenizer)
    ([0, 1], 2, 3)
    """

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        config: Mapping[str, Any],
        end_tokens: Iterable[str] = (),
    ) -> None:
        check_type("backend", backend, tokenizers.Tokenizer)
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self._config = dict(config)
        add_listed_tokens(backend, config.get("added_tokens_decoder"))
        self._special = special_tokens(backend, config)
        templates = named_templates(config.get("chat_template"))
        self._template = templates.get("default")
        self._tool_template = templates.get("tool_use", self._template)
        ends = (*end_tokens, self.eos_token)
        self._end_ids = end_token_ids(backend, ends, self._template or "")

    @classmethod
    def from_directory(cls, directory: str | Path) -> Tokenizer:
        """Read ``tokenizer.json``, or the files from before it, and what is beside it.

        Parameters
        ----------
        directory : str or Path
            A Hugging Face directory with ``tokenizer.json``, ``tokenizer.model``
            (SentencePiece, BPE or unigram), or ``vocab.json`` and ``merges.txt``
            (byte-level BPE of GPT-2, OPT or Qwen 2). ``tokenizer_config.json``,
            ``special_tokens_map.json``, ``added_tokens.json`` and
            ``chat_template.jinja`` are used where they are.

        Raises
        ------
        FileNotFoundError
            When there is none of them.
        ValueError
            When a file is corrupt; names it.
        """
        directory = checked_path("directory", directory)
        settle(directory)
        backend, config = read_tokenizer(directory)
        try:
            return cls(backend, config)
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error

    @classmethod
    def from_gguf(cls, metadata: Mapping[str, Any]) -> Tokenizer:
        """Build the tokeniser that a GGUF file's vocabulary describes.

        Parameters
        ----------
        metadata : mapping
            The file's key/value pairs. The vocabulary (``tokenizer.ggml.model``) must
            be byte-level BPE ("gpt2") or SentencePiece BPE ("llama").

        Raises
        ------
        ValueError
            When the kind of vocabulary or its pre-tokeniser is not implemented, or the
            vocabulary is not complete; names the key.
        """
        backend = gguf_vocabulary.build_tokenizer(metadata)
        config: dict[str, Any] = dict(gguf_vocabulary.special_tokens(metadata))
        template = read_field(metadata, "tokenizer.chat_template", "text")
        if template:
            config["chat_template"] = template
        return cls(backend, config, gguf_vocabulary.end_tokens(metadata))

    def __len__(self) -> int:
        """Size of the vocabulary, added tokens included."""
        return self._backend.get_vocab_size(with_added_tokens=True)

    def __repr__(self) -> str:
        return f"Tokenizer(size={len(self)}, eos_token={self.eos_token!r})"

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Token ids of a text.

        Parameters
        ----------
        text : str
            Special tokens that are written out in it become their ids.
        add_special_tokens : bool
            Whether to put those around it that the model expects, such as BOS.

        Raises
        ------
        TypeError
            When `text` is no string.
        ValueError
            When `text` holds half of a surrogate pair, or a word that the vocabulary
            has no token for.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, got {type(text).__name__}")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"text must be valid Unicode: {error}") from error
        with refused_as("text cannot be tokenised"):
            return self._backend.encode(text, add_special_tokens=add_special_tokens).ids

    def encode_prompt(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Token ids of a text that goes on.

        As `encode`, without the end-of-sequence token that some tokenisers put after
        every text: a model that reads it would begin another text. One that is written
        out at the end of the text stays.

        Parameters
        ----------
        text, add_special_tokens
            As in `encode`.

        Raises
        ------
        TypeError, ValueError
            As `encode`.
        """
        ids = self.encode(text, add_special_tokens=add_special_tokens)
        spelt = self.eos_token is not None and text.endswith(self.eos_token)
        added = bool(ids) and ids[-1] == self.eos_token_id and not spelt
        return ids[:-1] if added else ids

    def spells_special_tokens(self, text: str) -> bool:
        """Whether special tokens are written out in a text, as by a chat template."""
        added = self._backend.get_added_tokens_decoder().values()
        return any(token.special and token.content in text for token in added)

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """The text of token ids; ids beyond the vocabulary give nothing.

        Parameters
        ----------
        ids : iterable of int
            Token ids, each at least 0.
        skip_special_tokens : bool
            Whether to leave out special tokens such as EOS.

        Raises
        ------
        TypeError
            When `ids` does not hold integers.
        ValueError
            When an id is below 0 or above 2³² - 1.
        """
        ids = list(ids)
        try:
            with refused_as("ids cannot be decoded", let=(OverflowError, TypeError)):
                return self._backend.decode(
                    ids, skip_special_tokens=skip_special_tokens
                )
        except OverflowError:
            wrong = next(i for i in ids if not 0 <= i < 2**32)
            raise ValueError(f"ids must be from 0 to 2**32 - 1, got {wrong}") from None

    @property
    def chat_template(self) -> str | None:
        """The chat template's jinja source, if there is one."""
        return self._template

    def apply_chat_template(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = False,
        tools: Sequence[Any] | None = None,
        **variables: Any,
    ) -> str:
        """A conversation as one text, special tokens written out.

        Encode it with ``add_special_tokens=False``.

        Parameters
        ----------
        messages : sequence of mapping
            Each with ``role`` ("system", "user", "assistant") and ``content``.
        add_generation_prompt : bool
            Whether the text ends with the opening of an assistant's turn.
        tools : sequence, optional
            What the assistant may call, as JSON schemas. Of several templates the one
            named "tool_use" is then taken.
        **variables
            Further variables of the template, such as ``enable_thinking=False``.

        Raises
        ------
        TypeError
            When `messages` is no list of dicts.
        ValueError
            When there is no template, or it refuses the messages.
        """
        template = self._template if tools is None else self._tool_template
        if template is None:
            raise ValueError("chat_template: the tokeniser has none")
        return render_chat(
            template,
            messages,
            add_generation_prompt=add_generation_prompt,
            tools=tools,
            variables=template_tokens(self._config) | variables,
        )

    def save(self, directory: str | Path) -> None:
        """Write ``tokenizer.json`` and ``tokenizer_config.json`` as transformers does.

        Parameters
        ----------
        directory : str or Path
            Made where it does not exist; its other files stay.

        Raises
        ------
        OSError
            When the disk refuses; files that were there stay as they were.
        """
        with staged_files(checked_path("directory", directory)) as stage:
            self.write_files(stage)

    def write_files(self, directory: Path) -> None:
        """Write the two files into a directory that exists, each on its own."""
        config = {"tokenizer_class": "PreTrainedTokenizerFast"} | self._config
        config |= self._special
        if self._template is not None:
            config["chat_template"] = self._template
        write_json(directory / "tokenizer_config.json", config)
        write_text(directory / "tokenizer.json", self._backend.to_str(pretty=True))
