"""The verbs on a batch whose sequences are spread over processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range
from vaccine_swift.distributed.collective import Collective
from vaccine_swift.distributed.exchange import raise_shared
from vaccine_swift.distributed.parts import Part
from vaccine_swift.engines.base import AttentionGradients, State
from vaccine_swift.methods.perturbations import LARGEST_RHO, Scaled, Worst

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.engines import Vector
    from vaccine_swift.engines.base import PartialEngine
    from vaccine_swift.methods.loss_terms import Reference
    from vaccine_swift.methods.perturbations import Perturbation
    from vaccine_swift.models.report import StepReport

__all__ = ["RHO_SCOPES", "DataParallelEngine", "RhoScope", "check_rho_scope"]

RhoScope = Literal["batch", "rank"]
RHO_SCOPES: Final = ("batch", "rank")


class DataParallelEngine:
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
        self._engine = engine
        self._collective = collective
        self._is_per_rank = rho_scope == "rank"
        # Whether the gradient is the sum already; otherwise it is this rank's summand.
        self._is_summed = False

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
        from vaccine_swift.models.report import StepReport  # the models import engines

        started = time.perf_counter()
        part = self._part(batch)
        options: dict[str, Any] = {"weights": weights, "reference": reference}
        options |= {"seed": seed, "stream": stream, "draw": draw}
        clean: AttentionGradients | None = None
        norm = 0.0
        if isinstance(perturbation, Worst) and not self._is_per_rank:
            clean = self.attention_gradients(batch, **options)
            perturbation, norm = _scaled(perturbation, clean, part.share)

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
        totals = self._summed(part, computed, 3 + self.layers, adds=True)
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

        totals = self._summed(part, computed, 1 + self.layers)
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
        from vaccine_swift.models.report import StepReport

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
        self._summed(part, computed, 0, adds=True, needs_supervision=False)
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
        return self._gathered(
            shape,
            place,
            part.sequences,
            lambda own: self._engine.hidden_states(own, what, layers),
            batch,
        )

    def token_log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """As `Engine.token_log_probabilities`, of the whole batch on every rank."""
        part = self._part(batch)
        return self._gathered(
            (batch.supervised,),
            (part.supervised,),
            part.sequences if part.share else range(0),
            self._engine.token_log_probabilities,
            batch,
        )

    def log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """As `Engine.log_probabilities`, of the whole batch on every rank."""
        part = self._part(batch)
        return self._gathered(
            (batch.supervised, self._engine.vocabulary_size),
            (part.supervised,),
            part.sequences if part.share else range(0),
            self._engine.log_probabilities,
            batch,
        )

    def without_adapter(self) -> AbstractContextManager[None]:
        """As `Engine.without_adapter`."""
        return self._engine.without_adapter()

    @property
    def adapter(self) -> Vector:
        """As `Engine.adapter`: the same on every rank, to be changed alike on all."""
        return self._engine.adapter

    @property
    def gradient(self) -> Vector:
        """As `Engine.gradient`: of all ranks, added up when it is first looked at."""
        return self._engine.gradient_after(self.sum_gradients)

    def zeros(self) -> Vector:
        """As `Engine.zeros`."""
        return self._engine.zeros()

    @property
    def names(self) -> list[str]:
        """As `Engine.names`."""
        return self._engine.names

    @property
    def layers(self) -> int:
        """As `Engine.layers`."""
        return self._engine.layers

    def freeze(self, names: Iterable[str]) -> None:
        """As `Engine.freeze`."""
        self._engine.freeze(names)

    def zero_gradients(self) -> None:
        """As `Engine.zero_gradients`."""
        self._engine.zero_gradients()
        self._is_summed = False

    def sum_gradients(self) -> None:
        """Add the gradients of the ranks, so that each has that of all; once is enough.

        Raises
        ------
        ValueError
            When the sum is not finite.
        """
        if self._is_summed:
            return
        gradient = self._engine.gradient
        numbers = gradient.numpy()
        self._collective.allreduce(numbers)
        gradient.write(numbers)
        self._is_summed = True

    def _leave_sum(self) -> None:
        """Make the gradient a summand again: rank 0 keeps the sum, others have 0."""
        if self._is_summed and self._collective.rank != 0:
            self._engine.zero_gradients()
        self._is_summed = False

    def _part(self, batch: Batch) -> Part:
        return Part.of(batch, self._collective)

    def _summed(
        self,
        part: Part,
        computed: Callable[[], npt.NDArray[np.float64]],
        count: int,
        *,
        adds: bool = False,
        needs_supervision: bool = True,
    ) -> npt.NDArray[np.float64]:
        """Numbers of all ranks added up; an error of one is raised on all.

        Where the work adds to the gradient, an error leaves it 0 on all of them.
        """
        if needs_supervision and not part.is_supervised:
            raise ValueError("labels: no token of the batch is supervised")
        totals = np.zeros(count + 1)
        error: Exception | None = None
        has_work = part.share > 0 if needs_supervision else len(part.sequences) > 0
        try:
            if has_work:
                totals[:count] = computed()
        except Exception as raised:  # noqa: BLE001, raised again on all ranks
            error = raised
            totals[:count], totals[count] = 0.0, 1.0
        self._collective.allreduce(totals)
        if totals[count]:
            if adds:
                self.zero_gradients()
            raise_shared(self._collective, error)
        return totals[:count]

    def _gathered(
        self,
        shape: tuple[int, ...],
        place: tuple[slice, ...],
        sequences: range,
        computed: Callable[[Batch], npt.NDArray[np.float32]],
        batch: Batch,
    ) -> npt.NDArray[np.float32]:
        """What the ranks computed of their parts, side by side on each of them."""
        result = np.zeros(shape, np.float32)
        error: Exception | None = None
        try:
            if sequences:
                result[place] = computed(batch.part(sequences))
        except Exception as raised:  # noqa: BLE001, raised again on all ranks
            error = raised
        failed = np.array([error is not None], np.int64)
        self._collective.allreduce(failed)
        if failed[0]:
            raise_shared(self._collective, error)
        self._collective.allreduce(result)
        return result


def check_rho_scope(value: object) -> None:
    """Refuse what is neither "batch" nor "rank".

    Raises
    ------
    ValueError
    """
    if value not in RHO_SCOPES:
        raise ValueError(
            f"rho_scope must be one of {', '.join(RHO_SCOPES)}, got {value!r}"
        )


def _scaled(
    worst: Worst, gradients: AttentionGradients, share: float
) -> tuple[Scaled, float]:
    """The rank's part of the worst perturbation of all, and the norm it is scaled by.

    A rank holds the gradients of the mean over its own rows, which `share` makes those
    of the mean over all.
    """
    check_range("rho", worst.rho, minimum=0.0)
    check_range("rho", worst.rho, maximum=LARGEST_RHO)
    squares = gradients.squared_norms
    if worst.layers is not None and worst.norm == "chosen":
        squares = squares[np.isin(np.arange(squares.size), worst.layers)]
    norm = math.sqrt(float(squares.sum()))
    return Scaled(share * worst.rho / (norm + 1e-7), worst.layers), norm
