"""The training steps of a `CausalLM`, up to the gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift.batches import Batch
from vaccine_swift.engines import Engine, SwiftEngine
from vaccine_swift.engines.report import StepReport
from vaccine_swift.methods import Method, Step, Vaccine
from vaccine_swift.models.base import ModelBase, check_batch

__all__ = ["Gradients"]

_MAX_UINT64: Final = 2**64 - 1


class Gradients(ModelBase):
    """Forward and backward passes, and the gradients that they add up."""

    @property
    def engine(self) -> SwiftEngine:
        """The verbs that methods are recipes over, on this model."""
        if isinstance(self._model, _core.Model):
            return SwiftEngine(self._model)
        from vaccine_swift.engines.torch import TorchEngine

        return TorchEngine(self._model)

    def forward_backward(
        self,
        batch: Batch,
        method: Method = Vaccine(rho=2.0),  # noqa: B008, frozen
        *,
        weight: float = 1.0,
        seed: int = 0,
        stream: int | None = None,
        number: int = 0,
        index: int = 0,
        total: int = 0,
        engine: Engine | None = None,
        state: MutableMapping[str, npt.NDArray[Any]] | None = None,
        streams: Mapping[str, Batch | Callable[[], Batch]] | None = None,
    ) -> StepReport:
        """Add a batch's gradient to the adapter's gradients.

        Parameters
        ----------
        batch : Batch
            With at least one supervised token.
        method : Method
            How the gradient is formed: `SFT`, `Vaccine`, `RandomPerturbation` or
            another. ``every`` is not looked at: this is one step.
        weight : float
            The gradient is multiplied by it before it is added; 1 / k gives the mean
            of k micro-batches.
        seed : int
            Seeds dropout and random perturbation, from 0 to 2⁶⁴ - 1.
        stream : int, optional
            The random numbers are a function of `seed` and `stream`. Left out, every
            call takes the next one, from 0.
        number, index, total : int
            The optimiser step, the micro-batch within it, both from 0, and the steps of
            the whole run; for methods that do something at some steps only.
        engine : Engine, optional
            Offers the verbs in place of the model's own, such as a
            `DataParallelEngine` over it.
        state : dict, optional
            What a method keeps from call to call; a fresh one if left out.
        streams : dict of str to Batch, optional
            For methods that read other data: the next batch of each stream, or what
            returns it when it is called.

        Returns
        -------
        StepReport
            Losses, norms, counts and time.

        Raises
        ------
        TypeError
            When `method` is no `Method`.
        RuntimeError
            When the model has no adapter, or `streams` lacks one that the method reads.
        ValueError
            As `loss`, and when a gradient is not finite (names the layer).
        MemoryError
            When the step does not fit; nothing was allocated.
        KeyboardInterrupt
            On Ctrl-C, within a second. After any error the gradients are zero.

        References
        ----------
        Huang, Hu, Liu: Vaccine. arXiv:2402.01109, Algorithm 1.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> model.add_adapter(vs.LoRAConfig(r=2))
        >>> batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
        >>> report = model.forward_backward(batch, vs.Vaccine(rho=2.0))
        >>> report.tokens, report.supervised
        (3, 2)
        >>> import numpy as np
        >>> bool(np.isclose(np.linalg.norm(report.perturbation_norms), 2.0, rtol=1e-4))
        True
        """
        check_batch(batch)
        self._require_adapter()
        check_range("weight", weight, float32=True)
        check_range("seed", seed, minimum=0, maximum=_MAX_UINT64, integer=True)
        if stream is None:
            stream = self._stream
            self._stream += 1
        check_range("stream", stream, minimum=0, maximum=_MAX_UINT64, integer=True)
        if not isinstance(method, Method):
            raise TypeError(
                f"method must be SFT, Vaccine, RandomPerturbation or another Method, "
                f"got {type(method).__name__}"
            )
        step = Step(
            self.engine if engine is None else engine,
            batch,
            weight=float(weight),
            seed=int(seed),
            stream=int(stream),
            number=number,
            index=index,
            total=total,
            state=state,
            streams={name: _source(each) for name, each in (streams or {}).items()},
        )
        if self._is_frozen_by_method:
            self.engine.freeze(())
            self._is_frozen_by_method = False
        try:
            return step.finish(method.gradient(step))
        except BaseException:
            self._model.zero_gradients()
            raise
        finally:
            self._is_frozen_by_method = step.has_frozen

    def gradients(self) -> dict[str, npt.NDArray[np.float32]]:
        """Copies of the accumulated adapter gradients.

        Returns
        -------
        dict of str to ndarray
            PEFT name to float32 array, [r, in] for ``lora_A`` and [out, r] for
            ``lora_B``.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        """
        return self._adapter_tensors("gradient")

    def zero_gradients(self) -> None:
        """Set all adapter gradients to zero.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        """
        self._require_adapter()
        self._model.zero_gradients()

    def perturbations(self) -> npt.NDArray[np.float32]:
        """What the last perturbed step added to the attention outputs.

        Returns
        -------
        ndarray, float32 [L, T, C]
            ε_l of every layer, for the packed tokens of that step's batch; 0 at tokens
            on which no target depends.

        Raises
        ------
        RuntimeError
            When no step has perturbed anything yet.
        """
        return np.asarray(self._model.perturbations())


def _source(batches: Batch | Callable[[], Batch]) -> Callable[[], Batch]:
    return (lambda: batches) if isinstance(batches, Batch) else batches
