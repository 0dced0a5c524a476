"""Asking a `CausalLM` through its chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vaccine_swift.data.chat_segments import apply_template, check_rendered
from vaccine_swift.data.items import Conversation
from vaccine_swift.data.messages import read_messages
from vaccine_swift.models.generation import Generation

__all__ = ["LONGEST_ANSWER", "Chat"]

LONGEST_ANSWER: Final = 256
"""New tokens of an answer where nobody says otherwise and the context has room."""


class Chat(Generation):
    """Answers to a request or a conversation."""

    def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        max_new_tokens: int | None = None,
        temperature: float = 0.0,
        *,
        system: str | None = None,
        tools: Sequence[Any] | None = None,
        top_p: float = 1.0,
        seed: int = 0,
        first_prompt: int = 0,
        **variables: Any,
    ) -> str:
        """Answer a request, or go on with a conversation.

        Parameters
        ----------
        messages : str or list of dict
            A request; or messages with ``role`` and ``content``, oldest first, the
            last one the user's or a tool's.
        max_new_tokens : int, optional
            As in `generate`. Left out: 256, or as many as the context leaves.
        temperature, top_p, seed, first_prompt
            As in `generate`.
        system : str, optional
            The system prompt, before all messages.
        tools : sequence, optional
            What the model may call, as JSON schemas; the calls are in the answer as the
            model writes them.
        **variables
            Further variables of the chat template, such as ``enable_thinking=False``.

        Returns
        -------
        str
            The answer, without special tokens and without space around it.

        Raises
        ------
        TypeError
            When `messages` or `system` has the wrong type.
        ValueError
            When the model has no chat template, or its template refuses the
            conversation or passes over a part of it; when messages are malformed, the
            last one is the assistant's, or an argument is out of range.
        RuntimeError
            When the model has no tokeniser.
        MemoryError
            When the cache does not fit.

        Examples
        --------
        >>> model.chat("Name three rivers.")  # doctest: +SKIP
        'The Nile, the Amazon and the Danube.'
        >>> talk = [{"role": "user", "content": "Hi!"}]
        >>> answer = model.chat(talk, system="Be brief.")  # doctest: +SKIP
        >>> talk += [
        ...     {"role": "assistant", "content": answer},
        ...     {"role": "user", "content": "And now in French."},
        ... ]  # doctest: +SKIP
        >>> model.chat(talk, system="Be brief.")  # doctest: +SKIP
        'Salut !'
        """
        tokenizer = self._require_tokenizer()
        if tokenizer.chat_template is None:
            raise ValueError(
                "the model has no chat template; render the request yourself and use "
                "generate"
            )
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        if isinstance(messages, Mapping) or not isinstance(messages, Sequence):
            raise TypeError(
                "messages must be a str or a list of dicts with 'role' and 'content', "
                f"got {type(messages).__name__}"
            )
        if system is not None:
            if not isinstance(system, str):
                raise TypeError(f"system must be a str, got {type(system).__name__}")
            messages = [{"role": "system", "content": system}, *messages]
        read, _ = read_messages(messages, "messages", "messages")
        if read[-1]["role"] == "assistant":
            raise ValueError("messages must end with a turn that asks, got an answer")
        schemas = None if tools is None else list(tools)
        unlearned = (False,) * len(read)
        conversation = Conversation(read, unlearned, schemas, variables)
        check_rendered(conversation, tokenizer, "messages")
        prompt = apply_template(conversation, tokenizer, "messages", generation=True)
        if max_new_tokens is None:
            asked = len(tokenizer.encode_prompt(prompt, add_special_tokens=False))
            left = self._model.configuration["context_length"] - asked
            max_new_tokens = min(LONGEST_ANSWER, max(left, 1))
        (answer,) = self.generate(
            [prompt],
            max_new_tokens,
            temperature,
            top_p=top_p,
            seed=seed,
            first_prompt=first_prompt,
            add_special_tokens=False,
        )
        return answer.strip()
