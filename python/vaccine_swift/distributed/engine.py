"""The verbs on a batch whose sequences are spread over processes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.distributed.collective import Collective
from vaccine_swift.distributed.gradient import SummedGradient
from vaccine_swift.distributed.parts import Part
from vaccine_swift.distributed.scopes import RhoScope, check_rho_scope, scaled_share
from vaccine_swift.distributed.work import gathered, summed
from vaccine_swift.engines.base import AttentionGradients, State
from vaccine_swift.engines.perturbations import Worst
from vaccine_swift.engines.report import StepReport

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.engines.base import PartialEngine
    from vaccine_swift.engines.loss_terms import Reference
    from vaccine_swift.engines.perturbations import Perturbation

__all__ = ["DataParallelEngine"]


class DataParallelEngine(SummedGradient):
    """`Engine` over the engines of R processes that hold the same model.

    Every rank gives the whole batch to every verb and computes its own sequences of it.
    What depends on the whole, ‖g‖, the counts, losses and norms, is added up between
    the passes; dropout masks and noise are drawn as in the whole. So each verb does
    what it does on one machine, up to rounding, and a method built on verbs does too.

    The adapter's gradient is a sum over ranks that is formed when it is looked at
    (`gradient`) or asked for (`sum_gradients`): once for an optimiser step, as a rule.

    Parameters
    ----------
    engine : PartialEngine
        The rank's own.
    collective : Collective
        The ranks.
    rho_scope : {"batch", "rank"}
        ``"batch"``: the worst perturbation has norm ρ over the whole batch, as on one
        machine. ``"rank"``: each rank gives its own rows one of norm ρ, as hooks in
        every process do; the result then depends on the number of ranks.

    Raises
    ------
    ValueError
        When `rho_scope` is another word.
    """

    def __init__(
        self,
        engine: PartialEngine,
        collective: Collective,
        *,
        rho_scope: RhoScope = "batch",
    ) -> None:
        check_rho_scope(rho_scope)
        super().__init__(engine, collective)
        self._is_per_rank = rho_scope == "rank"

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
        """As `Engine.forward_backward`.

        The report is of the whole batch; its `gradient_norm` is NaN, as the gradients
        of the ranks have not been added up.
        """
        started = time.perf_counter()
        part = self._part(batch)
        options: dict[str, Any] = {"weights": weights, "reference": reference}
        options |= {"seed": seed, "stream": stream, "draw": draw}
        clean: AttentionGradients | None = None
        norm = 0.0
        if isinstance(perturbation, Worst) and not self._is_per_rank:
            clean = self.attention_gradients(batch, **options)
            perturbation, norm = scaled_share(perturbation, clean, part.share)

        def computed() -> npt.NDArray[np.float64]:
            report = self._engine.forward_backward(
                batch,
                perturbation=perturbation,
                weight=weight * part.share,
                sequences=part.sequences,
                **options,
            )
            losses = part.share * np.array([report.loss, report.clean_loss])
            own_norm = part.share * report.attention_gradient_norm
            norms = [own_norm**2, *np.square(report.perturbation_norms)]
            return np.concatenate([losses, norms])

        self._leave_sum()
        totals = summed(
            *(self._collective, part, computed, 3 + self.layers),
            on_error=self.zero_gradients,
        )
        return StepReport(
            loss=float(totals[0]),
            clean_loss=float(totals[1]) if clean is None else clean.loss,
            perturbation_norms=np.sqrt(totals[3:]),
            gradient_norm=math.nan,
            attention_gradient_norm=math.sqrt(totals[2]) if clean is None else norm,
            tokens=batch.tokens,
            supervised=batch.supervised,
            seconds=time.perf_counter() - started,
        )

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
        """As `Engine.attention_gradients`; all ranks must call its ``states``."""
        part = self._part(batch)

        def computed() -> npt.NDArray[np.float64]:
            found = self._engine.attention_gradients(
                batch,
                weights=weights,
                reference=reference,
                sequences=part.sequences,
                seed=seed,
                stream=stream,
                draw=draw,
            )
            loss = part.share * found.loss
            return np.concatenate([[loss], part.share**2 * found.squared_norms])

        def states() -> npt.NDArray[np.float32]:
            width = self._engine.hidden_size
            result = np.zeros((self.layers, batch.tokens, width), np.float32)
            if part.share:
                result += np.float32(part.share) * self._engine.kept_states()
            self._collective.allreduce(result)
            return result

        totals = summed(self._collective, part, computed, 1 + self.layers)
        return AttentionGradients(float(totals[0]), totals[1:], states)

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
        """As `Engine.backward_from`, with the gradients of the whole batch."""
        started = time.perf_counter()
        part = self._part(batch)

        def computed() -> npt.NDArray[np.float64]:
            self._engine.backward_from(
                batch,
                states,
                logits=logits,
                weight=weight,
                sequences=part.sequences,
                seed=seed,
                stream=stream,
                draw=draw,
            )
            return np.zeros(0)

        self._leave_sum()
        summed(
            *(self._collective, part, computed, 0),
            on_error=self.zero_gradients,
            needs_supervision=False,
        )
        return StepReport(
            loss=loss,
            clean_loss=loss,
            perturbation_norms=np.zeros(self.layers),
            gradient_norm=math.nan,
            attention_gradient_norm=0.0,
            tokens=batch.tokens,
            supervised=batch.supervised,
            seconds=time.perf_counter() - started,
        )

    def hidden_states(
        self, batch: Batch, what: State = "attention", layers: Sequence[int] = (0,)
    ) -> npt.NDArray[np.float32]:
        """As `Engine.hidden_states`, of the whole batch on every rank."""
        part = self._part(batch)
        shape = (len(layers), batch.tokens, self._engine.hidden_size)
        place = (slice(None), part.tokens)
        return gathered(
            self._collective,
            shape,
            place,
            part.sequences,
            lambda own: self._engine.hidden_states(own, what, layers),
            batch,
        )

    def token_log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """As `Engine.token_log_probabilities`, of the whole batch on every rank."""
        part = self._part(batch)
        return gathered(
            self._collective,
            (batch.supervised,),
            (part.supervised,),
            part.sequences if part.share else range(0),
            self._engine.token_log_probabilities,
            batch,
        )

    def log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """As `Engine.log_probabilities`, of the whole batch on every rank."""
        part = self._part(batch)
        return gathered(
            self._collective,
            (batch.supervised, self._engine.vocabulary_size),
            (part.supervised,),
            part.sequences if part.share else range(0),
            self._engine.log_probabilities,
            batch,
        )

    def _part(self, batch: Batch) -> Part:
        return Part.of(batch, self._collective)
