"""Which linear maps of a model a LoRA adapter changes, as names or expressions.

Names and meanings are PEFT's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.families import FAMILIES
from vaccine_swift.families.llama import LLAMA
from vaccine_swift.lora_expressions import check_expression, matched

__all__ = [
    "TARGET_MODULES",
    "AllLinear",
    "FamilyTargets",
    "kinds_of",
    "meant",
    "normal_exclusions",
    "normal_targets",
]

TARGET_MODULES: Final = LLAMA.lora_targets
"""The targets of the Vaccine authors, in the order of computation; of a model, those of
its family (`Family.lora_targets`)."""

_LAYER: Final = "{layer}"
# The core's words for the linear maps of a layer, in the order of computation.
_MAPS: Final = (
    *("query", "key", "value", "query_key_value", "attention_output"),
    *("gate", "up", "gate_up", "down"),
)


class FamilyTargets(tuple[str, ...]):
    """The default: in a model, the targets of its family."""


class AllLinear(tuple[str, ...]):
    """The value of "all-linear": the authors' targets, and any others of a family."""


def normal_targets(targets: Any) -> tuple[str, ...] | str:
    """Targets in their normal form: bare names where no layer is named.

    Raises
    ------
    TypeError, ValueError
        When they are neither names of linear maps nor a regular expression.
    """
    if isinstance(targets, FamilyTargets):
        return targets
    if isinstance(targets, AllLinear) or targets == "all-linear":
        return AllLinear(TARGET_MODULES)
    if isinstance(targets, str):
        check_expression("target_modules", targets)
        return targets
    names = _checked_names("target_modules", targets)
    known = [template.split(".") for template in _templates()]
    bare = list(dict.fromkeys(template[-1] for template in known))
    for name in names:
        parts = name.split(".")
        if not any(_is_end(parts, template) for template in known):
            raise ValueError(
                f"target_modules must be among {', '.join(bare)}, got {name!r}."
                f"{nearest(parts[-1], bare)}"
            )
    if not names:
        raise ValueError("target_modules must name at least one module, got none")
    if any(part.isdecimal() for name in names for part in name.split(".")):
        return tuple(dict.fromkeys(names))
    chosen = {name.rpartition(".")[2] for name in names}
    return tuple(name for name in bare if name in chosen)


def _templates() -> list[str]:
    """The names of the linear maps of every family's layers."""
    return list(
        dict.fromkeys(
            family.modules[word]
            for word in _MAPS
            for family in FAMILIES.values()
            if word in family.modules
        )
    )


def _is_end(parts: list[str], template: list[str]) -> bool:
    """Whether a name is the end of a module's name, from its projection on."""
    end = template[-len(parts) :]
    return len(end) == len(parts) and all(
        part == expected or (expected == _LAYER and part.isdecimal())
        for part, expected in zip(parts, end, strict=True)
    )


def normal_exclusions(modules: Any) -> tuple[str, ...] | str | None:
    """Names without repeats, or an expression; None where nothing is left out."""
    if modules is None or isinstance(modules, str):
        if modules:
            check_expression("exclude_modules", modules)
        return modules or None
    return tuple(dict.fromkeys(_checked_names("exclude_modules", modules))) or None


def kinds_of(names: Iterable[str]) -> list[str]:
    """The last parts of names, without repeats: "q_proj" of all layers once."""
    return list(dict.fromkeys(name.rpartition(".")[2] for name in names))


def meant(
    argument: str, targets: Iterable[str] | str, names: tuple[str, ...]
) -> frozenset[str]:
    """The modules among `names` that are meant, by PEFT's rules.

    Raises
    ------
    ValueError
        When an expression takes too long, or too much memory; names the argument.
    """
    if isinstance(targets, AllLinear):
        return frozenset(names)
    if isinstance(targets, str):
        return matched(argument, (targets,), names)[0]
    ends = tuple(f".{target}" for target in targets)
    return frozenset(name for name in names if f".{name}".endswith(ends))


def _checked_names(name: str, values: Any) -> list[str]:
    try:
        texts = list(values)
    except TypeError:
        raise TypeError(f"{name} must be a list of names, got {values!r}") from None
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{name} must hold strings, got {text!r}")
    return texts
