"""The number of a model's weights, as this package and as transformers gives it."""

from __future__ import annotations

__all__ = ["ParameterCount"]


class ParameterCount(int):
    """A number that may be called, too.

    ``model.num_parameters`` is a property here and a method in transformers, whose
    callbacks call it.

    Examples
    --------
    >>> ParameterCount(3) + 1, ParameterCount(3)()
    (4, 3)
    """

    def __call__(self) -> int:
        """The number."""
        return int(self)
