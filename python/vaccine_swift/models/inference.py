"""Forward passes of a `CausalLM`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, check_word
from vaccine_swift.batches import Batch
from vaccine_swift.models.base import ModelBase, TokenIds, check_batch, token_ids
from vaccine_swift.models.pooling import pooled_rows

__all__ = ["Inference", "layer_indices"]

_STATES: Final = ("attention", "residual", "mlp")


class Inference(ModelBase):
    """Logits, hidden states and losses, dropout off."""

    def logits(self, input_ids: TokenIds) -> npt.NDArray[np.float32]:
        """Next-token logits of one sequence, dropout off.

        Parameters
        ----------
        input_ids : sequence of int, shape [T]
            Token ids, each from 0 to V - 1; T from 1 to the context length.

        Returns
        -------
        ndarray, float32 [T, V]
            Row ``t`` scores the token after position ``t``.

        Raises
        ------
        TypeError, ValueError
            When `input_ids` does not hold integers, an id is out of range, the sequence
            is empty or longer than the context, or a result is not finite (names the
            first state of the pass that is not).
        MemoryError
            When the result or the scratch does not fit.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> model.logits([1, 2, 3]).shape
        (3, 128)
        """
        return np.asarray(self._model.logits(token_ids("input_ids", input_ids)))

    def attention_outputs(self, input_ids: TokenIds) -> npt.NDArray[np.float32]:
        """What every attention block adds to the residual stream, dropout off.

        The output of ``o_proj`` with its adapter: what Vaccine perturbs, and what
        drift compares.

        Parameters
        ----------
        input_ids : sequence of int, shape [T]
            As in `logits`.

        Returns
        -------
        ndarray, float32 [L, T, C]
            Of layers, tokens and channels.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As `logits`.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> model.attention_outputs([1, 2, 3]).shape
        (2, 3, 32)
        """
        ids = token_ids("input_ids", input_ids)
        states = self._model.hidden_states(
            ids,
            np.array([0, ids.size]),
            what="attention",
            layers=np.arange(self._model.configuration["layer_count"]),
            rows=np.arange(ids.size),
            bounds=np.arange(ids.size + 1),
        )
        return np.asarray(states)

    def hidden_states(
        self,
        batch: Batch,
        *,
        what: Literal["attention", "residual", "mlp"] = "attention",
        layers: Literal["all"] | Sequence[int] = "all",
        pool: Literal["tokens", "last", "mean", "response"] = "tokens",
    ) -> npt.NDArray[np.float32]:
        """States of chosen layers and tokens of a packed batch, dropout off.

        Only what is returned is kept: of a pass over a model of L layers, the memory
        is one [T, C] and the result.

        Parameters
        ----------
        batch : Batch
            Its labels matter to ``pool="response"`` only.
        what : {"attention", "residual", "mlp"}
            What attention adds to the residual stream (as `attention_outputs`), the
            stream after the layer, or what the feed-forward network adds to it.
        layers : "all" or sequence of int
            Indices from 0 to L - 1 in rising order; negative ones count from the end.
        pool : {"tokens", "last", "mean", "response"}
            One row for every token, for the last token of every sequence, for the
            mean over every sequence's tokens (summed in float64), or for every
            supervised token (label not -100).

        Returns
        -------
        ndarray, float32 [layers, R, C]
            R rows in the order of the batch's tokens.

        Raises
        ------
        TypeError, ValueError
            When an argument is unknown or out of range, a token or sequence does not
            fit the model, or a result is not finite (as in `logits`).
        MemoryError
            When the result or the scratch does not fit.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
        >>> model.hidden_states(batch, what="residual", pool="last").shape
        (2, 1, 32)
        """
        check_batch(batch)
        check_word("what", what, _STATES, quoted=True)
        rows, bounds = pooled_rows(batch, pool)
        count = self._model.configuration["layer_count"]
        states = self._model.hidden_states(
            batch.input_ids,
            batch.offsets,
            what=what,
            layers=layer_indices(layers, count),
            rows=rows,
            bounds=bounds,
        )
        return np.asarray(states)

    def loss(self, batch: Batch) -> tuple[float, int]:
        """Mean cross-entropy of a batch, dropout off; gradients stay as they are.

        Parameters
        ----------
        batch : Batch
            With at least one supervised token.

        Returns
        -------
        tuple of float and int
            Nats per supervised token, and the number of supervised tokens.

        Raises
        ------
        ValueError
            When a token or label is out of range, a sequence is longer than the
            context, nothing is supervised, or the loss is not finite.
        """
        check_batch(batch)
        return self._model.loss(batch.input_ids, batch.labels, batch.offsets)

    def token_log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Log-probability of every supervised token given those before it, dropout off.

        The loss of the batch is their mean with the sign turned.

        Parameters
        ----------
        batch : Batch
            With at least one supervised token.

        Returns
        -------
        ndarray, float32 [S]
            Nats, at most 0, of the batch's supervised tokens in their order.

        Raises
        ------
        ValueError
            As `loss`.
        MemoryError
            When the result or the scratch does not fit.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
        >>> found = model.token_log_probabilities(batch)
        >>> bool(abs(found.mean() + model.loss(batch)[0]) < 1e-6)
        True
        """
        check_batch(batch)
        losses = self._model.token_losses(batch.input_ids, batch.labels, batch.offsets)
        return np.negative(losses, dtype=np.float32)

    def reserve(
        self,
        tokens: int,
        sequences: int = 1,
        *,
        training: bool = True,
        perturbed: bool = True,
    ) -> None:
        """Allocate the scratch of the largest batch to come, all at once.

        Parameters
        ----------
        tokens, sequences : int
            T and B of that batch, at least 1.
        training : bool
            For `forward_backward`; otherwise for `loss` and `logits`.
        perturbed : bool
            With `training`: also for methods that perturb, which need another
            [L, T, C] floats.

        Raises
        ------
        MemoryError
            When it does not fit; nothing was allocated.
        """
        check_range("tokens", tokens, minimum=1, maximum=2**32, integer=True)
        check_range("sequences", sequences, minimum=1, maximum=2**32, integer=True)
        steps: Literal["training", "perturbed training"]
        steps = "perturbed training" if perturbed else "training"
        use = steps if training else "inference"
        self._model.reserve(int(tokens), int(sequences), use)


def layer_indices(
    layers: Literal["all"] | Sequence[int], count: int
) -> npt.NDArray[np.int64]:
    """Indices of layers from 0 to `count` - 1.

    Raises
    ------
    TypeError, ValueError
        When `layers` is neither "all" nor integers that rise strictly within range.
    """
    if isinstance(layers, str):
        if layers != "all":
            raise ValueError(f'layers must be "all" or integers, got {layers!r}')
        return np.arange(count)
    chosen = np.asarray(layers)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise TypeError(f'layers must be "all" or integers, got {layers!r}')
    indices = np.where(chosen < 0, chosen.astype(np.int64) + count, chosen)
    inside = (indices >= 0) & (indices < count)
    if not (indices.size and inside.all() and (np.diff(indices) > 0).all()):
        raise ValueError(
            f"layers must rise strictly within -{count} to {count - 1}, got {layers!r}"
        )
    return indices.astype(np.int64)
