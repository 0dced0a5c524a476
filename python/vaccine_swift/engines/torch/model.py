"""A model of transformers that is called as a model of the Swift core is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from vaccine_swift.engines.torch.adapter import Adapter
from vaccine_swift.engines.torch.base import as_array
from vaccine_swift.engines.torch.checks import check_held
from vaccine_swift.engines.torch.custom_losses import CustomLosses
from vaccine_swift.engines.torch.generation import Generation
from vaccine_swift.engines.torch.hooks import state_modules
from vaccine_swift.engines.torch.inference import Inference
from vaccine_swift.engines.torch.placement import empty_model, place, settle
from vaccine_swift.families import family_of

__all__ = ["TorchModel"]

_Kind = Literal["weight", "adapter", "gradient"]


class TorchModel(Inference, CustomLosses, Generation):
    """The weights, the adapter and its gradients, on the devices that torch has.

    Weights are written one by one, then `check_complete` makes it ready. The attention
    outputs are those of the modules that the family names, so every family of the
    package works alike. Dropout of the base model is never made; LoRA's is.

    Parameters
    ----------
    fields : mapping
        The core's description of the model (`vaccine_swift.families`).
    config : mapping
        What ``config.json`` holds.
    device : str
        ``"auto"`` (accelerate's map over all devices) or one device of torch.
    attention : str, optional
        transformers' ``attn_implementation``.
    checkpointing : bool
        Keep only the layers' inputs of a forward pass, and compute the rest again.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        config: Mapping[str, Any],
        *,
        device: str,
        attention: str | None = None,
        checkpointing: bool = False,
    ) -> None:
        self.configuration = dict(fields)
        self._family = family_of(config)
        self._model = empty_model(config, fields["precision"], attention)
        self._checkpointing = checkpointing
        if checkpointing:
            newer = getattr(self._model, "activation_checkpointing_enable", None)
            enable = newer or self._model.gradient_checkpointing_enable
            enable({"use_reentrant": False})
        self._placed = place(self._model, device)
        self._weights = self._untied()
        self._places = state_modules(self._model)
        self._device = self._placed[next(iter(self._placed))]
        self._adapter = None

    @property
    def module(self) -> nn.Module:
        """The model of transformers."""
        result: nn.Module = self._model
        return result

    @property
    def device(self) -> torch.device:
        """Where batches go in."""
        return self._device

    def tensors(self, kind: _Kind) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of all tensors of a kind."""
        return [(name, tuple(each.shape)) for name, each in self._table(kind).items()]

    def read(self, kind: _Kind, name: str) -> npt.NDArray[np.float32]:
        """A copy as float32."""
        return as_array(self._tensor(kind, name)).copy()

    def write(self, kind: _Kind, name: str, values: npt.ArrayLike) -> None:
        """Replace a tensor.

        Raises
        ------
        ValueError
            For an unknown name, another shape, NaN, infinity, or a number that the
            tensor's precision does not hold.
        """
        target = self._tensor(kind, name)
        array = np.ascontiguousarray(values, np.float32)
        if array.shape != tuple(target.shape):
            raise ValueError(
                f"{name}: the shape must be {list(target.shape)}, got "
                f"{list(array.shape)}"
            )
        source = torch.tensor(array)
        check_held(name, source, target.dtype)
        if target.is_meta:
            own = self._class_name(name)
            placed = source.to(self._placed[own], target.dtype)
            parameter = nn.Parameter(placed, requires_grad=False)
            self._weights[name] = parameter
            owner, _, leaf = own.rpartition(".")
            setattr(self._model.get_submodule(owner), leaf, parameter)
        else:
            with torch.no_grad():
                target.copy_(source)

    def check_complete(self) -> None:
        """Make the model ready after its weights were written.

        Raises
        ------
        ValueError
            When one was not; names it.
        """
        missing = [name for name, each in self._weights.items() if each.is_meta]
        if missing:
            more = f" and {len(missing) - 5} more" * (len(missing) > 5)
            raise ValueError(f"missing tensors: {', '.join(missing[:5])}{more}")
        settle(self._model, self._placed)
        self._weights = self._untied()

    def add_adapter(
        self,
        targets: Sequence[str],
        ranks: Sequence[int],
        scales: Sequence[float],
        dropout: float,
        seed: int,
    ) -> None:
        """Add a fresh adapter: A ~ U(±1/√in), B = 0.

        Raises
        ------
        RuntimeError
            When there is one already.
        ValueError
            When the model lacks a target.
        """
        if self._adapter is not None:
            raise RuntimeError(
                "the model has an adapter already; merge or remove it first"
            )
        numbers = self._linear_maps()
        for name in targets:
            if name not in numbers:
                raise ValueError(f"targets: unknown projection '{name}'")
        order = sorted(
            zip(targets, ranks, scales, strict=True), key=lambda each: numbers[each[0]]
        )
        self._adapter = Adapter(
            self._model,
            [(name, numbers[name]) for name, _, _ in order],
            [rank for _, rank, _ in order],
            [scale for _, _, scale in order],
            dropout=dropout,
            seed=seed,
        )
        self._places = state_modules(self._model)

    def remove_adapter(self) -> None:
        """Drop the adapter."""
        self._require_adapter().remove()
        self._adapter = self._kept = None
        self._places = state_modules(self._model)

    def merge_adapter(self) -> None:
        """W += scale · B A, then drop it."""
        self._require_adapter().merge()
        self.remove_adapter()

    def set_frozen(self, names: Iterable[str]) -> None:
        """Leave these factors as they are; none: train all."""
        if self._adapter is None:
            raise RuntimeError("the model has no adapter to freeze")
        adapter = self._adapter
        if not isinstance(names, Iterable):
            raise TypeError(f"names must be a sequence of str, got {names!r}")
        for name in sorted(set(names) - set(adapter.factors)):
            raise ValueError(f"names: the model has no adapter tensor '{name}'")
        adapter.frozen = frozenset(names)

    def zero_gradients(self) -> None:
        """Set all gradients to 0."""
        if self._adapter is not None:
            self._adapter.zero_gradients()

    def reserve(self, tokens: int, sequences: int, use: str) -> None:
        """Nothing: torch keeps the memory of one step for the next by itself."""

    def factors(self, kind: Literal["adapter", "gradient"]) -> dict[str, torch.Tensor]:
        """The adapter's factors, or their gradients, by PEFT's names."""
        self._require_adapter()
        return {name: each.detach() for name, each in self._table(kind).items()}

    def numbers(self, kind: Literal["adapter", "gradient"]) -> list[torch.Tensor]:
        """The same in their order."""
        return list(self.factors(kind).values())

    @property
    def frozen(self) -> frozenset[str]:
        """The factors that are not trained."""
        return self._require_adapter().frozen

    def gradient_norm(self) -> float:
        """As `Adapter.gradient_norm`."""
        return self._require_adapter().gradient_norm()

    def _untied(self) -> dict[str, nn.Parameter]:
        """The parameters by their names in files; a tied vocabulary matrix once."""
        weights = {
            self._file_name(name): each for name, each in self._model.named_parameters()
        }
        if self.configuration["tied_embeddings"]:
            weights.pop(f"{self._family.modules['head']}.weight", None)
        return weights

    def _file_name(self, name: str) -> str:
        """What files call a parameter of the model's class."""
        module, _, ending = name.rpartition(".")
        for word, own in self._family.class_names.items():
            if module == own:
                return f"{self._family.modules[word]}.{ending}"
        return name

    def _class_name(self, name: str) -> str:
        """What the model's class calls a parameter."""
        module, _, ending = name.rpartition(".")
        for word, own in self._family.class_names.items():
            if module == self._family.modules[word] and hasattr(self._model, own):
                return f"{own}.{ending}"
        return name

    def _table(self, kind: _Kind) -> Mapping[str, torch.Tensor]:
        if kind == "weight":
            return self._weights
        if self._adapter is None:
            return {}
        return self._adapter.factors if kind == "adapter" else self._adapter.gradients

    def _tensor(self, kind: _Kind, name: str) -> torch.Tensor:
        table = self._table(kind)
        if name not in table:
            raise ValueError(f"name: the model has no {kind} tensor '{name}'")
        return table[name]

    def _linear_maps(self) -> dict[str, int]:
        """The linear maps of all layers and their numbers among those of the model."""
        modules = [
            name
            for name in self._family.modules.values()
            if "{layer}" in name and not name.endswith("norm")
        ]
        found: dict[str, int] = {}
        for layer in range(self.layer_count):
            for template in modules:
                name = template.replace("{layer}", str(layer))
                shape = self._weights.get(f"{name}.weight")
                if shape is not None and shape.ndim == 2:
                    found[name] = len(found)
        return found
