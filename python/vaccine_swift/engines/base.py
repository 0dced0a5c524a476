"""What every engine offers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vaccine_swift._short_repr import short_repr

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.engines.loss_terms import Reference
    from vaccine_swift.engines.perturbations import Perturbation
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.engines.swift.vector import Vector

__all__ = ["AttentionGradients", "Engine", "PartialEngine", "State"]

State: TypeAlias = Literal["attention", "mlp", "residual"]


@dataclass(frozen=True, slots=True, eq=False)
class AttentionGradients:
    """What a pass to the attention outputs found.

    Attributes
    ----------
    loss : float
        Mean cross-entropy, in nats per supervised token.
    squared_norms : ndarray, float64 [L]
        ‖g_l‖₂² of every layer.
    """

    loss: float
    squared_norms: npt.NDArray[np.float64]
    _states: Callable[[], npt.NDArray[np.float32]] = field(repr=False)

    __repr__ = short_repr

    def states(self) -> npt.NDArray[np.float32]:
        """A copy of g_l, float32 [L, T, C], until the engine's next pass.

        Raises
        ------
        RuntimeError
            When a later pass has taken its place.
        """
        return self._states()


class Engine(Protocol):
    """The verbs. All work on one model and its adapter."""

    def forward_backward(
        self,
        batch: Batch,
        *,
        perturbation: Perturbation | None = None,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        weight: float = 1.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """Add weight · ∂loss/∂adapter to the gradient.

        ::

            loss = 1/S Σ_s (weights_s · CE_s + reference.weight · KL_s)

        Parameters
        ----------
        batch : Batch
            With at least one supervised token.
        perturbation : Worst, Gaussian, Given or Scaled, optional
            What the attention outputs are moved by.
        weights : ndarray, float32 [T], optional
            One for each token of the batch, aligned with its labels; 1 if left out.
            The sum is over S, the number of supervised tokens, whatever they are.
        reference : Reference, optional
            What to stay close to.
        weight : float
            Multiplies the gradient.
        seed, stream, draw : int
            Dropout masks and noise are a function of all three.
        """

    def attention_gradients(
        self,
        batch: Batch,
        *,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> AttentionGradients:
        """The loss and its gradient at the attention outputs, which the engine keeps.

        The adapter's gradient is not touched. `Scaled` takes what is kept.

        Parameters
        ----------
        batch, weights, reference, seed, stream, draw
            As in `forward_backward`; dropout masks are those of its first pass.
        """

    def backward_from(
        self,
        batch: Batch,
        states: Mapping[tuple[State, int], npt.NDArray[np.float32]] | None = None,
        *,
        logits: npt.NDArray[np.float32] | None = None,
        loss: float = math.nan,
        weight: float = 1.0,
        seed: int | None = None,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """Add the gradient of a loss of one's own, taken back to the adapter.

        Parameters
        ----------
        batch : Batch
            What the states are of.
        states : dict of (what, layer) to ndarray, float32 [T, C], optional
            ∂loss/∂state, for states as `hidden_states` gives them.
        logits : ndarray, float32 [S, V], optional
            ∂loss/∂logits at the supervised tokens, in the order of the batch.
        loss : float
            The loss itself, for the report.
        weight : float
            Multiplies the gradient.
        seed, stream, draw : int
            Of the dropout masks; without `seed` dropout is off, as in `hidden_states`.
        """

    def hidden_states(
        self, batch: Batch, what: State = "attention", layers: Sequence[int] = (0,)
    ) -> npt.NDArray[np.float32]:
        """States of layers in rising order, float32 [layers, T, C]; dropout off."""

    def token_log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Log-probability of every supervised token, float32 [S]; dropout off."""

    def log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Those of the whole vocabulary, float32 [S, V]; dropout off."""

    def without_adapter(self) -> AbstractContextManager[None]:
        """A context in which the adapter adds nothing."""

    @property
    def adapter(self) -> Vector:
        """The adapter's weights, where the engine holds them: changing it trains."""

    @property
    def gradient(self) -> Vector:
        """The adapter's gradient, where the engine holds it."""

    def zeros(self) -> Vector:
        """A vector apart of the adapter's shape, all 0."""

    @property
    def names(self) -> list[str]:
        """PEFT names of the adapter's factors, in the order of the vectors."""

    @property
    def layers(self) -> int:
        """L, the decoder layers of the model."""

    def freeze(self, names: Iterable[str]) -> None:
        """Leave these factors of the adapter as they are, until it is told otherwise.

        From the next pass on their gradient is 0, and the optimiser takes no step of
        theirs: no decay, no change of their moments, and no count of the step in
        their bias correction. None: train all.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        ValueError
            When it has no factor of a name.
        """

    def zero_gradients(self) -> None:
        """Set the gradient to zero."""


class PartialEngine(Engine, Protocol):
    """What computes a part of a batch as it is computed in the whole.

    Verbs take ``sequences`` besides: neighbouring sequences, a range, of which alone
    the loss is. S counts their supervised tokens; their dropout masks and noise are
    those that they have in the whole batch, of which all arrays with a row for each
    token are.
    """

    def forward_backward(
        self,
        batch: Batch,
        *,
        perturbation: Perturbation | None = None,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        weight: float = 1.0,
        sequences: range | None = None,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.forward_backward`."""

    def attention_gradients(
        self,
        batch: Batch,
        *,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        sequences: range | None = None,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> AttentionGradients:
        """As `Engine.attention_gradients`."""

    def backward_from(
        self,
        batch: Batch,
        states: Mapping[tuple[State, int], npt.NDArray[np.float32]] | None = None,
        *,
        logits: npt.NDArray[np.float32] | None = None,
        loss: float = math.nan,
        weight: float = 1.0,
        sequences: range | None = None,
        seed: int | None = None,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.backward_from`."""

    def kept_states(self) -> npt.NDArray[np.float32]:
        """What the last `attention_gradients` kept, float32 [L, T, C] of its batch."""

    def gradient_after(self, before: Callable[[], None] | None) -> Vector:
        """`gradient`, with a function to be called before each use of its numbers."""

    @property
    def hidden_size(self) -> int:
        """C, the channels of the model's states."""

    @property
    def vocabulary_size(self) -> int:
        """V, the tokens of the model's vocabulary."""
