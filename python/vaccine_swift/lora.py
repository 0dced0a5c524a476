"""The settings of a LoRA adapter."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.families.llama import LLAMA

__all__ = ["TARGET_MODULES", "LoRAConfig"]

_ATTENTION: Final = ("q_proj", "k_proj", "v_proj", "o_proj")
TARGET_MODULES: Final = LLAMA.lora_targets
"""The projections of a layer that can carry an adapter, in the order of computation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoRAConfig:
    """Low-rank adaptation: ``y = W x + (lora_alpha / r) · B A dropout(x)``.

    Names and defaults are PEFT's; only `target_modules` defaults to all seven
    projections, as the authors of Vaccine adapt them.

    Parameters
    ----------
    r : int
        Rank, at least 1 and at most the smaller side of every adapted matrix.
    lora_alpha : float
        The adapter's output is scaled by ``lora_alpha / r``, a float32 number; above 0,
        whole or not.
    lora_dropout : float
        Share of the adapter's inputs that is zeroed in training, from 0 to 0.5.
    target_modules : iterable of str
        Which projections, in all layers: among q_proj, k_proj, v_proj, o_proj,
        gate_proj, up_proj and down_proj, bare or with the module before them
        ("self_attn.q_proj"). "all-linear" means all seven. Kept in the order of
        computation, without repeats.

    Raises
    ------
    TypeError
        When a parameter has another type.
    ValueError
        When a parameter is out of range, or a target module is unknown; suggests the
        nearest.

    References
    ----------
    Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models. arXiv:2106.09685,
    section 4.1.

    Examples
    --------
    >>> LoRAConfig(r=8, lora_alpha=4, target_modules=["v_proj", "q_proj"])
    LoRAConfig(r=8, lora_alpha=4, lora_dropout=0.0, target_modules=('q_proj', 'v_proj'))
    """

    r: int = 8
    lora_alpha: float = 8
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] = TARGET_MODULES

    def __post_init__(self) -> None:
        check_range("r", self.r, minimum=1, maximum=2**31 - 1, integer=True)
        check_range("lora_alpha", self.lora_alpha, above=0)
        check_range("lora_alpha / r", self.lora_alpha / self.r, float32=True)
        check_range("lora_dropout", self.lora_dropout, minimum=0, maximum=0.5)
        alpha = self.lora_alpha
        alpha = int(alpha) if isinstance(alpha, numbers.Integral) else float(alpha)
        object.__setattr__(self, "r", int(self.r))
        object.__setattr__(self, "lora_alpha", alpha)
        object.__setattr__(self, "lora_dropout", float(self.lora_dropout))
        object.__setattr__(self, "target_modules", _resolved(self.target_modules))

    @property
    def scale(self) -> float:
        """``lora_alpha / r``."""
        return self.lora_alpha / self.r


def _resolved(targets: str | Iterable[str]) -> tuple[str, ...]:
    """The projections that `targets` name, in the order of `TARGET_MODULES`."""
    if targets == "all-linear":
        return TARGET_MODULES
    if isinstance(targets, str):
        raise ValueError(
            f"target_modules must be a list of names or 'all-linear', got {targets!r}; "
            "regular expressions are not implemented"
        )
    try:
        names = list(targets)
    except TypeError:
        raise TypeError(
            f"target_modules must be a list of names, got {targets!r}"
        ) from None
    chosen = set()
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"target_modules must hold strings, got {name!r}")
        parent, _, module = name.rpartition(".")
        block = "self_attn" if module in _ATTENTION else "mlp"
        if module not in TARGET_MODULES or parent not in ("", block):
            raise ValueError(
                f"target_modules must be among {', '.join(TARGET_MODULES)}, "
                f"got {name!r}.{nearest(module, TARGET_MODULES)}"
            )
        chosen.add(module)
    if not chosen:
        raise ValueError("target_modules must name at least one module, got none")
    return tuple(module for module in TARGET_MODULES if module in chosen)
