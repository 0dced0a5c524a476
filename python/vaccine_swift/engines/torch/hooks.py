"""The states of a model's layers, seen and changed as a forward pass makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import torch
from torch import nn

from vaccine_swift.families import FAMILIES

__all__ = ["State", "Visitor", "layer_modules", "state_modules", "visiting"]

State: TypeAlias = str
Visitor: TypeAlias = Callable[[str, int, torch.Tensor], "torch.Tensor | None"]
"""Given a state, its layer and its values [B, S, C]; may return others."""

_MODULES: Final = {"attention": "attention_output", "mlp": "down"}
_LAYER: Final = "{layer}"
_BLOCKS: Final = {"attention": ("attn", "attention"), "mlp": ("mlp", "feed_forward")}


def state_modules(model: nn.Module) -> dict[tuple[State, int], nn.Module]:
    """The module whose output each state of each layer is.

    ``"attention"``: what attention adds to the residual stream; ``"mlp"``: what the
    feed-forward network adds; ``"residual"``: the stream after the layer. Families of
    this package name their modules; of another model the decoder layers are its longest
    list of modules, and the blocks are found in a layer by their names.

    Raises
    ------
    ValueError
        When a model of no known family has no list of layers with an attention block.
    """
    config: Any = getattr(model, "config", None)
    family = FAMILIES.get(getattr(config, "model_type", ""))
    if family is None:
        return _found(model)
    found: dict[tuple[State, int], nn.Module] = {}
    prefix = family.modules["attention_output"].split(_LAYER)[0] + _LAYER
    names = {state: family.modules[module] for state, module in _MODULES.items()}
    for layer in range(int(config.num_hidden_layers)):
        for state, name in (*names.items(), ("residual", prefix)):
            module = model.get_submodule(name.replace(_LAYER, str(layer)))
            found[state, layer] = module
    return found


def layer_modules(model: nn.Module) -> list[nn.Module]:
    """The decoder layers in their order.

    Raises
    ------
    ValueError
        When the model has no list of modules.
    """
    lists: Any = [each for each in model.modules() if isinstance(each, nn.ModuleList)]
    if not lists:
        raise ValueError("model must have its layers in a torch.nn.ModuleList")
    return list(max(lists, key=_length))


def _length(modules: Any) -> int:
    return len(modules)


def _found(model: nn.Module) -> dict[tuple[State, int], nn.Module]:
    found: dict[tuple[State, int], nn.Module] = {}
    for index, layer in enumerate(layer_modules(model)):
        found["residual", index] = layer
        for state, words in _BLOCKS.items():
            for name, module in layer.named_children():
                if name.endswith(words) or type(module).__name__.lower().endswith(
                    words
                ):
                    found[state, index] = module
                    break
        if ("attention", index) not in found:
            names = ", ".join(name for name, _ in layer.named_children())
            raise ValueError(
                f"model: layer {index} has no attention block among "
                f"{names or 'nothing'}"
            )
    return found


@contextmanager
def visiting(
    modules: Mapping[tuple[State, int], nn.Module],
    visit: Visitor,
    width: tuple[int, ...],
) -> Iterator[None]:
    """A context in which `visit` sees the states of these modules.

    Parameters
    ----------
    modules : mapping of (state, layer) to Module
        As `state_modules` gives them, or some of these.
    visit : callable
        What it returns takes the state's place, unless it is None.
    width : tuple of int
        (B, S) of the batch: modules that work on [B · S, C] are shown as [B, S, C].
    """

    def hook(state: State, layer: int) -> Callable[[Any, Any, Any], Any]:
        def seen(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            values, rest = (
                (output[0], output[1:]) if isinstance(output, tuple) else (output, None)
            )
            shape = values.shape
            other = visit(state, layer, values.reshape(*width, shape[-1]))
            if other is None:
                return output
            other = other.reshape(shape)
            return other if rest is None else (other, *rest)

        return seen

    handles = [
        module.register_forward_hook(hook(state, layer))
        for (state, layer), module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
