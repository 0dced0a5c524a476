"""How likely a `CausalLM` finds given continuations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.batches import IGNORED_LABEL, Batch, Example
from vaccine_swift.data.encoding import joint_tokens
from vaccine_swift.data.segments import Segment
from vaccine_swift.models.base import TokenIds, token_ids
from vaccine_swift.models.generation import Generation
from vaccine_swift.models.inference import Inference

__all__ = ["Likelihoods", "example_log_likelihoods"]

_TOKENS_TOGETHER: Final = 4096
"""Of a batch before what its sequences share is put together."""


class Likelihoods(Inference, Generation):
    """Log-likelihoods of the continuations of a context, dropout off."""

    def log_likelihoods(
        self,
        context: str | TokenIds,
        continuations: Sequence[str] | Sequence[TokenIds],
        *,
        add_special_tokens: bool = True,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """How likely each of several continuations of one context is, as for choices.

        ::

            sums[i] = Σ_t log p(c_t | context, c_1 … c_{t-1}),  c = continuations[i]

        The context is computed once for all of them, and so is a beginning that
        several continuations share.

        Parameters
        ----------
        context : str or sequence of int
            Text or token ids that all continuations follow; at least one token.
        continuations : list of str or list of sequences of int
            At least one, texts where `context` is a text and token ids where it is
            token ids, each of at least one token. Texts are tokenised with the context,
            or by themselves where the two would merge into one token at the border.
            Context and continuation must fit the model's context length.
        add_special_tokens : bool
            Let the tokeniser begin a text with its own token. False where the text
            already spells the special tokens out, as a chat template does.

        Returns
        -------
        sums : ndarray, float64 [N]
            Nats, at most 0. They are, bit for bit, the sums of
            `token_log_probabilities` of each continuation by itself (with
            ``dtype="gguf"``: where at least four rows are computed either way).
        tokens : ndarray, int64 [N]
            Tokens of each continuation; ``sums / tokens`` compares continuations of
            different lengths.

        Raises
        ------
        RuntimeError
            When texts are given and the model has no tokeniser.
        TypeError
            When `continuations` is one text, or texts and token ids are mixed.
        ValueError
            When there is no continuation, a context or a continuation has no token, a
            token is outside the vocabulary, both together exceed the context length,
            or a likelihood is not finite.
        MemoryError
            When the scratch does not fit.

        References
        ----------
        .. [1] Gao et al., "A framework for few-shot language model evaluation"
           (lm-evaluation-harness), requests of type `loglikelihood`.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> sums, tokens = model.log_likelihoods([1, 2, 3], [[4], [5, 6]])
        >>> sums.shape, tokens.tolist()
        ((2,), [1, 2])
        """
        if isinstance(continuations, str):
            raise TypeError("continuations must be a list, got one text")
        chosen = list(continuations)
        if not chosen:
            raise ValueError("continuations must hold at least one, got none")
        examples = [
            self._continued(
                context,
                one,
                f"continuations[{index}]",
                add_special_tokens=add_special_tokens,
            )
            for index, one in enumerate(chosen)
        ]
        return example_log_likelihoods(self, examples)

    def _continued(
        self,
        context: str | TokenIds,
        continuation: str | TokenIds,
        name: str,
        *,
        add_special_tokens: bool,
    ) -> Example:
        if isinstance(context, str) and isinstance(continuation, str):
            example = self._of_texts(
                context, continuation, name, add_special_tokens=add_special_tokens
            )
        elif isinstance(context, str) or isinstance(continuation, str):
            expected = "a text" if isinstance(context, str) else "token ids"
            raise TypeError(
                f"{name} must be {expected} as context is, "
                f"got {type(continuation).__name__}"
            )
        else:
            first, last = token_ids("context", context), token_ids(name, continuation)
            ignored = np.full(len(first), IGNORED_LABEL)
            example = Example(
                np.concatenate([first, last]), np.concatenate([ignored, last])
            )
        longest = self._model.configuration["context_length"]
        if example.tokens > longest:
            raise ValueError(
                f"{name} and context must have at most {counted(longest, 'token')} "
                f"together, got {example.tokens}"
            )
        return example

    def _of_texts(
        self, context: str, continuation: str, name: str, *, add_special_tokens: bool
    ) -> Example:
        segments = [
            Segment(context, supervised=False),
            Segment(continuation, supervised=True),
        ]
        ids, labels = joint_tokens(
            segments, self._require_tokenizer(), add_special_tokens=add_special_tokens
        )
        before = labels.count(IGNORED_LABEL)
        if before == 0:
            raise ValueError("context must hold at least one token, got none")
        if before == len(ids):
            raise ValueError(f"{name} must hold at least one token, got none")
        return Example(np.asarray(ids), np.asarray(labels))


def example_log_likelihoods(
    model: Inference, examples: Sequence[Example]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sum of the log-probabilities of each example's supervised tokens.

    Neighbours that begin alike are computed together.

    Parameters
    ----------
    model : Inference
        Dropout is off.
    examples : sequence of Example
        At least one, each with a supervised token.

    Returns
    -------
    sums : ndarray, float64 [N]
        Nats.
    counts : ndarray, int64 [N]
        Supervised tokens.
    """
    tokens = np.concatenate(
        [model.token_log_probabilities(one) for one in _batches(examples)]
    )
    counts = np.array([example.supervised for example in examples], np.int64)
    starts = np.cumsum(counts) - counts
    return np.add.reduceat(tokens, starts, dtype=np.float64), counts


def _batches(examples: Sequence[Example]) -> Iterator[Batch]:
    """Examples in their order, of so many tokens together or one that is longer."""
    part: list[Example] = []
    size = 0
    for example in examples:
        if part and size + example.tokens > _TOKENS_TOGETHER:
            yield Batch.pack(part)
            part, size = [], 0
        part.append(example)
        size += example.tokens
    yield Batch.pack(part)
