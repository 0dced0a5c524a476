"""What a row of ``results.jsonl`` holds."""

from __future__ import annotations

from typing import Final

from vaccine_swift.files.shapes import INTEGER, NUMBER, OPTIONAL, TEXT, Shape, Whole

__all__ = ["ROW"]

_PLAIN: Final = (NUMBER, TEXT, OPTIONAL, bool)
_ENTRY: Final[Shape] = {
    "value": NUMBER,
    "units": ([NUMBER], OPTIONAL),
    "unit_ids": [(TEXT, NUMBER)],
    "weights": ([NUMBER], OPTIONAL),
    "sizes": ([NUMBER], OPTIONAL),
    "profile": TEXT,
    "details": {},
}
_ESTIMATE: Final[Shape] = {"*": (NUMBER, OPTIONAL)}
_DRIFT: Final[Shape] = {
    "layers": ({"*": [_ESTIMATE]}, OPTIONAL),
    "overall": {"*": _ESTIMATE},
    "contrast": (_ESTIMATE, OPTIONAL),
}
_POINT: Final = Whole(
    {"groups": {"*": (NUMBER, OPTIONAL)}}, step=NUMBER, relative_drift=NUMBER
)

ROW: Final[Shape] = {
    **dict.fromkeys(("method", "label"), TEXT),
    **dict.fromkeys(("task", "lora"), (TEXT, OPTIONAL)),
    **dict.fromkeys(("rho", "variance", "every", "poison"), (NUMBER, OPTIONAL)),
    "samples": (INTEGER, OPTIONAL),
    "seed": INTEGER,
    "parameters": ({"*": _PLAIN}, OPTIONAL),
    "settings": {},
    "metrics": {"*": ({"*": (_ENTRY, OPTIONAL)}, OPTIONAL)},
    "drift": (_DRIFT, OPTIONAL),
    "drift_curve": ([_POINT], OPTIONAL),
    "losses": ({"*": [[(NUMBER, OPTIONAL)]]}, OPTIONAL),
    "seconds": ({"*": NUMBER}, OPTIONAL),
}
"""Objects may hold more; who needs a field that is missing says so."""
