"""What an accumulator has collected so far."""

from __future__ import annotations

from typing import Any

from vaccine_swift._plurals import counted
from vaccine_swift.drift.kept_state import KeptState
from vaccine_swift.drift.state import State

__all__ = ["AccumulatorFacts"]


class AccumulatorFacts(KeptState[State]):
    """Settings and counts of an accumulator's state."""

    called = "accumulator"

    @staticmethod
    def _files() -> Any:
        from vaccine_swift.drift import storage

        return storage

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self._state.width

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._state.layers

    @property
    def tier(self) -> str:
        """What is kept."""
        return self._state.tier

    @property
    def rows(self) -> int:
        """Rows added so far, in each layer."""
        return self._state.rows

    @property
    def prompts(self) -> int:
        """Prompts added so far."""
        return len(self._state.ids)

    @property
    def groups(self) -> dict[str, int]:
        """Prompts of each group."""
        return {name: int(mask.sum()) for name, mask in self._state.groups.items()}

    @property
    def memory(self) -> int:
        """Bytes of the state."""
        return self._state.memory

    def __repr__(self) -> str:
        return (
            f"Accumulator({self.tier}, {counted(self.layers, 'layer')} of width "
            f"{self.width}, {counted(self.prompts, 'prompt', form=',')}, "
            f"{counted(self.rows, 'row', form=',')})"
        )
