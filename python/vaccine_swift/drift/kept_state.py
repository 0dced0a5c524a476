"""What collects rows over time: one state, which is copied, pickled and saved."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from vaccine_swift import _core

__all__ = ["KeptState"]


class _State(Protocol):
    def copy(self) -> Any:
        """A state that shares nothing which changes."""


class _Files(Protocol):
    """A module that writes states to files and reads them."""

    def save(self, path: Any, state: Any, metadata: dict[str, Any], /) -> None:
        """Write beside the target, then rename."""

    def load_state(self, path: Any, /) -> tuple[Any, dict[str, Any]]:
        """State and metadata."""


State = TypeVar("State", bound=_State)


class KeptState(Generic[State]):
    """A state of which threads take turns, and the metadata beside it."""

    called: ClassVar[str]
    """In errors about turns."""

    _state: State
    _turn: _core.Turn
    metadata: dict[str, Any]

    def _keep(self, state: State, metadata: dict[str, Any]) -> None:
        self._state = state
        self.metadata = metadata
        self._turn = _core.Turn(self.called)

    @staticmethod
    def _files() -> _Files:
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, which appears whole or not at all.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        with self._turn:
            self._files().save(path, self._state, self.metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When it is truncated, changed, or of another version.
        """
        return cls._restored(*cls._files().load_state(path))

    def merge(self, other: Any) -> Any:
        """Both together; the parts stay as they are.

        Raises
        ------
        TypeError, ValueError
            When the other is none of its kind, or does not go with it.
        """
        raise NotImplementedError

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        merged: Self = self.merge(other)
        return merged

    def __copy__(self) -> Self:
        return self._restored(*self.__reduce__()[1])

    def __reduce__(self) -> tuple[Any, tuple[State, dict[str, Any]]]:
        with self._turn:
            return type(self)._restored, (self._state.copy(), dict(self.metadata))

    @classmethod
    def _restored(cls, state: State, metadata: dict[str, Any]) -> Self:
        self = cls.__new__(cls)
        self._keep(state, metadata)
        return self
