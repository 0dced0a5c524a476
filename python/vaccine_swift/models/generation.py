"""Text generation of a `CausalLM`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, shortened
from vaccine_swift._plurals import counted
from vaccine_swift.files.shapes import INTEGER, check_shape
from vaccine_swift.models.base import ModelBase, TokenIds, token_ids
from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["ChatTemplateWarning", "Generation"]

_INT32_MAX: Final = 2**31 - 1


class ChatTemplateWarning(UserWarning):
    """A model that has a chat template was given bare text."""


class Generation(ModelBase):
    """Continuing prompts, batched, with a cache of keys and values."""

    _hinted = False

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int | Sequence[int] = 64,
        temperature: float = 0.0,
        *,
        top_p: float = 1.0,
        seed: int = 0,
        first_prompt: int = 0,
        add_special_tokens: bool = True,
    ) -> list[str]:
        """Continue texts.

        Parameters
        ----------
        prompts : list of str
            At least one. They are continued as they stand: a model that was made for
            conversations is asked with `chat`, or with prompts that
            `vaccine_swift.data.render_prompt` puts into its template.
        max_new_tokens : int or sequence of int
            For all prompts, or one number for each; at least 1. A prompt and its
            continuation must fit the context.
        temperature : float
            0 takes the most likely token; above 0 the logits are divided by it and a
            token is drawn.
        top_p : float
            Draw from the smallest set of tokens that holds this much probability, in
            (0, 1].
        seed : int
            Seeds the draws, from 0 to 2⁶⁴ - 1. Every prompt draws from a stream of its
            own, a hash of the seed and of its number.
        first_prompt : int
            The number of ``prompts[0]``, from 0 to 2⁶⁴ - 1. Who asks a list in parts
            gives each part's place in it, and gets the answers of the whole list.
        add_special_tokens : bool
            Whether the tokeniser puts BOS (if the model has one) before a prompt; give
            False where the text holds it already, as after a chat template.

        Returns
        -------
        list of str
            The continuations, without the prompts, special tokens left out. Each is
            the one that the prompt would get alone, with its number as `first_prompt`.

        Notes
        -----
        Prompts advance together, as many as have room in 256 MiB of keys and values and
        at least 16; one that has ended makes room for the next.

        Warns
        -----
        ChatTemplateWarning
            Once for a model, when it has a chat template and continued bare text with
            nothing.

        Raises
        ------
        TypeError
            When `prompts` is not a list of strings.
        ValueError
            When an argument is out of range, a prompt is empty or too long, or numbers
            overflow in the model; names the token and the layer.
        RuntimeError
            When the model has no tokeniser.
        MemoryError
            When the cache does not fit.
        """
        if isinstance(prompts, str) or not all(isinstance(p, str) for p in prompts):
            raise TypeError(f"prompts must be a list of str, got {shortened(prompts)}")
        tokenizer = self._require_tokenizer()
        continuations = self.generate_ids(
            [
                tokenizer.encode_prompt(prompt, add_special_tokens=add_special_tokens)
                for prompt in prompts
            ],
            max_new_tokens,
            temperature,
            top_p=top_p,
            seed=seed,
            first_prompt=first_prompt,
        )
        ends = set(self._end_tokens())
        texts = [
            tokenizer.decode(ids[:-1] if ids and ids[-1] in ends else ids)
            for ids in continuations
        ]
        if add_special_tokens:
            self._hint_at_template(prompts, texts, tokenizer)
        return texts

    def _hint_at_template(
        self, prompts: Sequence[str], texts: Sequence[str], tokenizer: Tokenizer
    ) -> None:
        if tokenizer.chat_template is None or self._hinted:
            return
        for index, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
            if not text.strip() and not tokenizer.spells_special_tokens(prompt):
                self._hinted = True
                warnings.warn(
                    f"the model continued prompts[{index}], which is bare text, with "
                    "nothing; it has a chat template: ask with model.chat, or render "
                    "prompts with vaccine_swift.data.render_prompt",
                    ChatTemplateWarning,
                    stacklevel=3,
                )
                return

    def generate_ids(
        self,
        prompts: Sequence[TokenIds],
        max_new_tokens: int | Sequence[int] = 64,
        temperature: float = 0.0,
        *,
        top_p: float = 1.0,
        seed: int = 0,
        first_prompt: int = 0,
        end_tokens: Sequence[int] | None = None,
    ) -> list[list[int]]:
        """Continue sequences of token ids.

        Parameters
        ----------
        prompts : list of sequences of int
            At least one, each of at least one token.
        max_new_tokens, temperature, top_p, seed, first_prompt
            As in `generate`.
        end_tokens : sequence of int, optional
            Tokens that end a continuation. Left out: all that the tokeniser
            (`Tokenizer.end_token_ids`), the model's configuration and its generation
            configuration have.

        Returns
        -------
        list of list of int
            New tokens only; an end token, if one came, is the last.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As `generate`.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> alone = model.generate_ids([[1, 2, 3]], 4)
        >>> alone == model.generate_ids([[1, 2, 3], [7]], 4)[:1]
        True
        """
        check_range("temperature", temperature, minimum=0)
        check_range("top_p", top_p, above=0, maximum=1)
        for name, value in (("seed", seed), ("first_prompt", first_prompt)):
            check_range(name, value, minimum=0, maximum=2**64 - 1, integer=True)
        if len(prompts) == 0:
            raise ValueError("prompts must hold at least one prompt, got none")
        limits = _limits(max_new_tokens, len(prompts))
        sequences = [token_ids(f"prompts[{i}]", ids) for i, ids in enumerate(prompts)]
        lengths = [sequence.size for sequence in sequences]
        ends = self._end_tokens() if end_tokens is None else list(end_tokens)
        for token in ends:
            check_range(
                "end_tokens", token, minimum=0, maximum=_INT32_MAX, integer=True
            )
        return self._model.generate(
            np.concatenate(sequences, dtype=np.int64, casting="unsafe"),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            max_new_tokens=limits,
            temperature=float(temperature),
            top_p=float(top_p),
            seed=int(seed),
            first_prompt=int(first_prompt),
            end_tokens=np.asarray(ends, np.int32),
        )

    def _end_tokens(self) -> list[int]:
        """By the tokeniser, the configuration and the generation configuration."""
        ends: set[int] = set()
        if self._tokenizer is not None:
            ends |= set(self._tokenizer.end_token_ids)
        for config in (self._config, self._generation_config):
            ends |= _as_ids(config.get("eos_token_id"))
        return sorted(ends)

    def _require_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            raise RuntimeError(
                "the model has no tokenizer: there is no tokenizer.json beside its "
                "weights; use generate_ids, or add the file"
            )
        return self._tokenizer


def _limits(max_new_tokens: int | Sequence[int], count: int) -> npt.NDArray[np.int64]:
    """One limit for each of `count` prompts."""
    limits = (
        list(max_new_tokens)
        if isinstance(max_new_tokens, (Sequence, np.ndarray))
        else [max_new_tokens] * count
    )
    if len(limits) != count:
        raise ValueError(
            "max_new_tokens must be a number or one for each of the "
            f"{counted(count, 'prompt')}, got {len(limits)}"
        )
    for limit in limits:
        check_range(
            "max_new_tokens", limit, minimum=1, maximum=_INT32_MAX, integer=True
        )
    return np.asarray(limits, np.int64)


def _as_ids(value: Any) -> set[int]:
    """Token ids of a configuration: none, one or a list."""
    if value is None:
        return set()
    values = value if isinstance(value, list) else [value]
    check_shape(values, [INTEGER], "eos_token_id of the model's configuration")
    for token in values:
        check_range("eos_token_id", token, minimum=0, maximum=_INT32_MAX, integer=True)
    return set(values)
