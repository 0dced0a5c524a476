"""The relative drift that rounding to a dtype shows."""

from __future__ import annotations

from typing import Final

from vaccine_swift._arguments import check_range, nearest

__all__ = ["floor_value"]

_FLOORS: Final = {"float16": 2.1e-4, "bfloat16": 1.7e-3}


def floor_value(floor: str | float) -> float:
    """A floor given by a dtype's name, or by a number.

    Raises
    ------
    TypeError, ValueError
        For a floor that is none.
    """
    if isinstance(floor, str):
        if floor not in _FLOORS:
            hint = nearest(floor, _FLOORS)
            raise ValueError(
                f"floor must be one of {', '.join(_FLOORS)}, a number or a repeat run, "
                f"got {floor!r}.{hint}"
            )
        return _FLOORS[floor]
    check_range("floor", floor, minimum=0.0)
    return float(floor)
