"""The states of one model over a probe, kept to measure other models against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vaccine_swift.drift.accumulator import Accumulator
from vaccine_swift.drift.probe import Capture, Probe

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM

__all__ = ["ProbeStates"]


class ProbeStates:
    """The reference's side of a comparison; the model itself is needed no more.

    Takes layers × rows × width × 4 bytes.

    Parameters
    ----------
    model : CausalLM
        The reference.
    capture : Capture
        What is read of it.
    probe : Probe
        Over which prompts.
    """

    def __init__(self, model: CausalLM, capture: Capture, probe: Probe) -> None:
        self._capture = capture
        self._probe = probe
        self._size = capture.size(model)
        self._states = [capture.states(model, batch) for batch, _ in probe.batches()]

    def compared(
        self, model: CausalLM, *, metadata: Mapping[str, Any] | None = None
    ) -> Accumulator:
        """How the same states of another model differ, as `compare` accumulates it.

        Parameters
        ----------
        model : CausalLM
            The current one, of the reference's layers and width.
        metadata : mapping, optional
            Added to what the report says of its origin.

        Raises
        ------
        ValueError
            When a state is not finite; names row, column and layer.
        """
        layers, width = self._size
        what = {"what": self._capture.what, "pool": self._capture.pool}
        accumulator = Accumulator(
            layers=layers, width=width, metadata={**(metadata or {}), **what}
        )
        for states, (batch, chosen) in zip(
            self._states, self._probe.batches(), strict=True
        ):
            ids, masks = self._probe.rows(batch, chosen, self._capture.pool)
            current = self._capture.states(model, batch)
            accumulator.update(states, current, ids=ids, groups=masks)
        return accumulator
