"""Several LoRA adapters of one model as a single one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from vaccine_swift.lora import AdaptedModule, LoRAConfig

__all__ = ["joined"]

_Tensors = Mapping[str, npt.NDArray[np.float32]]


def joined(
    adapters: Sequence[tuple[Mapping[str, AdaptedModule], _Tensors]],
    names: Iterable[str],
) -> tuple[LoRAConfig, dict[str, npt.NDArray[np.float32]]]:
    """One adapter whose update is the sum of those of several.

    ::

        A = [A_1; A_2; …]        B = [scale_1 B_1, scale_2 B_2, …]

    Parameters
    ----------
    adapters : sequence of (modules, tensors)
        Rank and scale of every adapted linear map, and the factors under PEFT's names.
    names : iterable of str
        Every linear map of the model's layers.

    Returns
    -------
    tuple of LoRAConfig and dict
        Its settings, of scale 1 and no dropout, and its factors.
    """
    names = list(names)
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for name in names:
        own = [each for each in adapters if name in each[0]]
        if own:
            prefix = f"base_model.model.{name}"
            down, up = f"{prefix}.lora_A.weight", f"{prefix}.lora_B.weight"
            tensors[down] = np.concatenate([factors[down] for _, factors in own])
            tensors[up] = np.concatenate(
                [
                    np.float32(modules[name].scale) * factors[up]
                    for modules, factors in own
                ],
                axis=1,
            )
    ranks = {
        name: sum(modules[name].rank for modules, _ in adapters if name in modules)
        for name in names
        if any(name in modules for modules, _ in adapters)
    }
    usual = Counter(ranks.values()).most_common(1)[0][0]
    others = {name: rank for name, rank in ranks.items() if rank != usual}
    config = LoRAConfig(
        r=usual,
        lora_alpha=usual,
        target_modules=tuple(ranks),
        rank_pattern=others,
        alpha_pattern=others,
    )
    return config.simplified(names), tensors
