"""The settings of a LoRA adapter."""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.lora_patterns import (
    MAX_RANK,
    by_pattern,
    normal_pattern,
    plain_number,
)
from vaccine_swift.lora_targets import (
    TARGET_MODULES,
    AllLinear,
    FamilyTargets,
    kinds_of,
    meant,
    normal_exclusions,
    normal_targets,
)

__all__ = ["TARGET_MODULES", "AdaptedModule", "LoRAConfig"]


class AdaptedModule(NamedTuple):
    """How one linear map is adapted: ``y += scale · B A dropout(x)``, A of `rank`."""

    rank: int
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LoRAConfig:
    """Low-rank adaptation: ``y = W x + (lora_alpha / r) · B A dropout(x)``.

    Names and meanings are PEFT's; only `target_modules` defaults to all seven
    projections of a Llama, as the authors of Vaccine adapt them, and to its family's
    targets in another model (see the table of model families).

    Parameters
    ----------
    r : int
        Rank, at least 1 and at most the smaller side of every adapted matrix.
    lora_alpha : float
        The adapter's output is scaled by ``lora_alpha / r``, a float32 number; above 0,
        whole or not.
    lora_dropout : float
        Share of the adapter's inputs that is zeroed in training, from 0 to 0.5.
    target_modules : iterable of str, or str
        Which projections: bare ("q_proj"), with the module before them
        ("self_attn.q_proj"), or of one layer ("layers.0.self_attn.q_proj" with all that
        stands before). If left out, the targets of the model's family (q, k and v of
        OPT, query_key_value of GPT-NeoX). A list is refused where a model lacks one,
        but of all seven those that it has are meant. "all-linear" means
        all of every layer; any other str is a regular expression that a whole module
        name ("model.layers.0.self_attn.q_proj") must match. Bare names are kept in
        the order of computation, without repeats.
    use_rslora : bool
        Scale by ``lora_alpha / √r`` instead.
    rank_pattern, alpha_pattern : mapping of str to number
        `r` and `lora_alpha` of modules whose name, or end of it after a dot, matches
        the key as a regular expression; the first key that does counts.
    exclude_modules : iterable of str, or str, optional
        Modules to leave out, named as targets or matched as a regular expression.
    layers_to_transform : iterable of int, or int, optional
        The layers to adapt; with a list of targets only.

    Raises
    ------
    TypeError
        When a parameter has another type.
    ValueError
        When a parameter is out of range, a target module is unknown (suggests the
        nearest), or an expression is not regular.

    References
    ----------
    Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models. arXiv:2106.09685,
    section 4.1. Kalajdzievski: A Rank Stabilization Scaling Factor for Fine-Tuning with
    LoRA. arXiv:2312.03732.

    Examples
    --------
    >>> LoRAConfig(r=8, lora_alpha=4, target_modules=["v_proj", "q_proj"])
    LoRAConfig(r=8, lora_alpha=4, lora_dropout=0.0, target_modules=('q_proj', 'v_proj'))
    """

    r: int = 8
    lora_alpha: float = 8
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] | str = FamilyTargets(TARGET_MODULES)
    use_rslora: bool = False
    rank_pattern: Mapping[str, int] = field(default_factory=dict, hash=False)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict, hash=False)
    exclude_modules: tuple[str, ...] | str | None = None
    layers_to_transform: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_range("r", self.r, minimum=1, maximum=MAX_RANK, integer=True)
        check_range("lora_alpha", self.lora_alpha, above=0)
        check_range("lora_dropout", self.lora_dropout, minimum=0, maximum=0.5)
        if not isinstance(self.use_rslora, bool):
            raise TypeError(
                f"use_rslora must be true or false, got {self.use_rslora!r}"
            )
        changes: dict[str, Any] = {
            "r": int(self.r),
            "lora_alpha": plain_number(self.lora_alpha),
            "lora_dropout": float(self.lora_dropout),
            "target_modules": normal_targets(self.target_modules),
            "rank_pattern": normal_pattern("rank_pattern", self.rank_pattern),
            "alpha_pattern": normal_pattern("alpha_pattern", self.alpha_pattern),
            "exclude_modules": normal_exclusions(self.exclude_modules),
            "layers_to_transform": _layers(self.layers_to_transform),
        }
        for name, value in changes.items():
            object.__setattr__(self, name, value)
        check_range("lora_alpha / r", self.scale, float32=True)
        if self.layers_to_transform is not None and isinstance(
            self.target_modules, str
        ):
            raise ValueError(
                "layers_to_transform needs a list of target_modules, got the regular "
                f"expression {self.target_modules!r}"
            )

    @property
    def scale(self) -> float:
        """``lora_alpha / r``, or ``lora_alpha / √r`` with `use_rslora`."""
        return self._scale(self.lora_alpha, self.r)

    def modules(
        self, names: Iterable[str], *, strict: bool = True
    ) -> dict[str, AdaptedModule]:
        """The linear maps that are adapted.

        Parameters
        ----------
        names : iterable of str
            Every linear map of a model's layers, as "model.layers.0.self_attn.q_proj".
        strict : bool
            Whether a target that is none of them is refused.

        Returns
        -------
        dict of str to AdaptedModule
            In the order of `names`.

        Raises
        ------
        ValueError
            When nothing is adapted, a target is no module of the model, or an
            expression takes longer than 10 s to match.

        Examples
        --------
        >>> config = LoRAConfig(r=4, rank_pattern={"v_proj": 2})
        >>> config.modules(["layers.0.self_attn.q_proj", "layers.0.self_attn.v_proj"])
        ... # doctest: +NORMALIZE_WHITESPACE
        {'layers.0.self_attn.q_proj': AdaptedModule(rank=4, scale=2.0),
         'layers.0.self_attn.v_proj': AdaptedModule(rank=2, scale=4.0)}
        """
        names = tuple(names)
        chosen = self._chosen(names)
        if strict and self.target_modules != TARGET_MODULES:
            self._check_known(names)
        if not chosen:
            raise ValueError(
                f"target_modules: no module of the model is among "
                f"{self.target_modules!r}; it has {', '.join(kinds_of(names))}"
            )
        ranks = by_pattern("rank_pattern", self.rank_pattern, names)
        alphas = by_pattern("alpha_pattern", self.alpha_pattern, names)
        found = {}
        for name in chosen:
            rank = int(ranks.get(name, self.r))
            alpha = alphas.get(name, self.lora_alpha)
            found[name] = AdaptedModule(rank, self._scale(alpha, rank))
        return found

    def of_family(self, targets: tuple[str, ...]) -> LoRAConfig:
        """The same with a family's targets, where none were given.

        >>> LoRAConfig(r=2).of_family(("query_key_value",)).target_modules
        ('query_key_value',)
        """
        if not isinstance(self.target_modules, FamilyTargets):
            return self
        return dataclasses.replace(self, target_modules=targets)

    def simplified(self, names: Iterable[str]) -> LoRAConfig:
        """The same adapter of a model with bare targets, where those mean the same.

        PEFT spells the modules of every layer out for "all-linear".
        """
        if isinstance(self.target_modules, str) or all(
            "." not in target for target in self.target_modules
        ):
            return self
        names = list(names)
        modules = self.modules(names, strict=False)
        bare = dataclasses.replace(self, target_modules=tuple(kinds_of(modules)))
        return bare if bare.modules(names) == modules else self

    def saved_targets(self, adapted: Iterable[str]) -> str | list[str]:
        """What PEFT has to be told, given the names of the modules that are adapted.

        "all-linear" would mean modules to PEFT that lie outside of the layers.
        """
        if isinstance(self.target_modules, str):
            return self.target_modules
        if isinstance(self.target_modules, AllLinear):
            names = (name for name in adapted if not name.endswith(".weight"))
            return kinds_of(names)
        return list(self.target_modules)

    def __repr__(self) -> str:
        shown = [
            f"{entry.name}={getattr(self, entry.name)!r}"
            for entry in dataclasses.fields(self)
            if entry.name in ("r", "lora_alpha", "lora_dropout", "target_modules")
            or getattr(self, entry.name)
        ]
        return f"LoRAConfig({', '.join(shown)})"

    def _chosen(self, names: tuple[str, ...]) -> list[str]:
        chosen = meant("target_modules", self.target_modules, names)
        if self.exclude_modules is not None:
            chosen -= meant("exclude_modules", self.exclude_modules, names)
        return [name for name in names if name in chosen and self._in_layers(name)]

    def _in_layers(self, name: str) -> bool:
        if self.layers_to_transform is None:
            return True
        layer = re.match(r".*\.[^.]*\.(\d+)\.", name)
        return layer is not None and int(layer[1]) in self.layers_to_transform

    def _scale(self, alpha: float, rank: int) -> float:
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)

    def _check_known(self, names: tuple[str, ...]) -> None:
        if isinstance(self.target_modules, str):
            return
        kinds = kinds_of(names)
        for target in self.target_modules:
            if not meant("target_modules", (target,), names):
                raise ValueError(
                    f"target_modules: the model has no module {target!r}; it has "
                    f"{', '.join(kinds)}.{nearest(target, kinds)}"
                )


def _layers(layers: Any) -> tuple[int, ...] | None:
    if layers is None:
        return None
    if isinstance(layers, numbers.Integral):
        layers = [layers]
    try:
        chosen = list(layers)
    except TypeError:
        raise TypeError(
            f"layers_to_transform must be a list of int, got {layers!r}"
        ) from None
    for layer in chosen:
        check_range("layers_to_transform", layer, minimum=0, integer=True)
    return tuple(sorted({int(layer) for layer in chosen})) or None
