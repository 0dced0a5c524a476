"""Which linear maps of a model an adapter changes, and the shapes of its factors."""

from __future__ import annotations

from collections.abc import Mapping

from vaccine_swift.lora import AdaptedModule, LoRAConfig

__all__ = ["Shapes", "adapted_modules", "factor_shapes", "linear_maps"]

Shapes = Mapping[str, tuple[int, ...]]


def linear_maps(weights: Shapes) -> dict[str, tuple[int, ...]]:
    """Names and shapes [out, in] of the linear maps of all layers, among `weights`."""
    return {
        name.removesuffix(".weight"): shape
        for name, shape in weights.items()
        if len(shape) == 2 and any(part.isdecimal() for part in name.split("."))
    }


def adapted_modules(
    config: LoRAConfig, maps: Shapes, *, strict: bool = True
) -> dict[str, AdaptedModule]:
    """The linear maps that an adapter changes, by `LoRAConfig.modules`.

    Raises
    ------
    ValueError
        As `LoRAConfig.modules`; also when a rank is above the smaller side of a map.
    """
    modules = config.modules(maps, strict=strict)
    for name, module in modules.items():
        if module.rank > min(maps[name]):
            raise ValueError(
                f"r must be at most {min(maps[name])}, the smaller side of "
                f"{name}.weight, got {module.rank}"
            )
    return modules


def factor_shapes(
    modules: Mapping[str, AdaptedModule], maps: Shapes
) -> dict[str, tuple[int, ...]]:
    """PEFT names and shapes of the factors of adapted linear maps."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in modules.items():
        outputs, inputs = maps[name]
        prefix = f"base_model.model.{name}"
        shapes[f"{prefix}.lora_A.weight"] = (module.rank, inputs)
        shapes[f"{prefix}.lora_B.weight"] = (outputs, module.rank)
    return shapes
