"""`capture`: what named modules of any torch model put out, as rows for drift."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import nearest
from vaccine_swift._plurals import counted
from vaccine_swift.drift.probe import check_what
from vaccine_swift.drift.vectors import plain_array
from vaccine_swift.models.held import is_module

__all__ = ["Captured", "capture"]

Select = Callable[[Any], Any]


class Captured:
    """Outputs of a model's modules, kept while its ``with`` block runs.

    `capture` makes it. ``captured[name]`` is a tensor [N, C] of all rows of one module,
    on the model's device and in its dtype, detached; `take` gives all modules as one
    array and forgets them.

    Attributes
    ----------
    names : tuple of str
        The modules, in the order in which the model lists them.
    """

    def __init__(self, modules: Mapping[str, Any], select: Select | None) -> None:
        self.names = tuple(modules)
        self._modules = dict(modules)
        self._select = select
        self._kept: dict[str, list[Any]] = {name: [] for name in modules}
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        """Begin to look.

        Raises
        ------
        RuntimeError
            When it has begun already.
        """
        if self._handles:
            raise RuntimeError("captured is in its with block already")
        for name, module in self._modules.items():
            self._handles.append(module.register_forward_hook(self._hook(name)))
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the model as it was; what was seen stays."""
        while self._handles:
            self._handles.pop().remove()

    def __getitem__(self, name: str) -> Any:
        """The rows of a module, a torch tensor [N, C].

        Raises
        ------
        KeyError
            When no module of this name is looked at.
        ValueError
            When it was not called, or its outputs differ in width.
        """
        if name not in self._kept:
            raise KeyError(f"{name!r} is not captured.{nearest(name, self.names)}")
        import torch

        kept = self._kept[name]
        if not kept:
            raise ValueError(f"{name} was not called since the last take")
        if len({rows.shape[-1] for rows in kept}) > 1:
            widths = ", ".join(str(rows.shape[-1]) for rows in kept)
            raise ValueError(f"{name}: outputs differ in width: {widths}")
        return torch.cat(kept)

    def take(self, mask: Any = None) -> npt.NDArray[Any]:
        """All modules' rows since the last time, as an accumulator's update wants them.

        Parameters
        ----------
        mask : bool array or tensor, optional
            Which rows count, in any shape with one element for each row, such as the
            attention mask [B, S] of a padded batch. By default all.

        Returns
        -------
        array [modules, N, C]
            float16, float32 or float64 as the model has it; bfloat16 as float32.

        Raises
        ------
        ValueError
            When a module was not called, modules differ in rows or width, or the mask
            has another number of elements. Nothing is forgotten then.
        """
        first = self.names[0]
        arrays = [plain_array(self[name], name) for name in self.names]
        for name, array in zip(self.names, arrays, strict=True):
            if array.shape != arrays[0].shape:
                raise ValueError(
                    f"modules must put out arrays of one shape to be taken together, "
                    f"{first} gave {list(arrays[0].shape)}, {name} {list(array.shape)}"
                )
        if mask is not None:
            chosen = plain_array(mask, "mask").reshape(-1).astype(bool)
            if len(chosen) != len(arrays[0]):
                raise ValueError(
                    "mask must have an element for each of "
                    f"{counted(len(arrays[0]), 'row')}, got {len(chosen)}"
                )
            arrays = [array[chosen] for array in arrays]
        for kept in self._kept.values():
            kept.clear()
        return np.stack(arrays)

    def _hook(self, name: str) -> Callable[[Any, Any, Any], None]:
        def seen(_module: Any, _inputs: Any, output: Any) -> None:
            values = _tensor_of(output, name).detach()
            if self._select is not None:
                values = self._select(values)
                if not hasattr(values, "detach"):
                    kind = type(values).__name__
                    raise TypeError(f"select must return a tensor, got {kind}")
            if values.ndim < 2:
                raise ValueError(
                    f"{name}: rows must be [.., C], got shape {list(values.shape)}; "
                    "select can make them so"
                )
            # Copied: a layer after this one may write into its input.
            self._kept[name].append(values.reshape(-1, values.shape[-1]).clone())

        return seen


def capture(
    module: Any,
    names: str | Sequence[str] | None = None,
    *,
    what: str = "attention",
    select: Select | None = None,
) -> Captured:
    """Look at outputs of a model's modules while a ``with`` block runs.

    The model is called as always, by its own code: any ``torch.nn.Module``, on any
    device. Its outputs, gradients and mode stay what they are.

    Parameters
    ----------
    module : torch.nn.Module
        A model of transformers, timm, or one's own.
    names : str or sequence of str, optional
        Names as ``named_modules`` has them, ``*`` and ``?`` standing for any
        characters. By default `what` of every layer of a causal language model.
    what : {"attention", "residual", "mlp"}
        As in `compare`; for `names` left out.
    select : callable, optional
        Given a module's output, a tensor, returns rows [.., C]: ``lambda x: x[:, 0]``
        for the first token, ``lambda x: x.mean((2, 3))`` for channels of an image. By
        default the last dimension is C.

    Returns
    -------
    Captured
        A context manager that has the rows.

    Raises
    ------
    TypeError
        When `module` is no module of torch, or `names` no strings. From within the
        model's call: when a module puts out no tensor.
    ValueError
        When no module has such a name (names the nearest), or `what` is left to find
        and the model is none of language.

    See Also
    --------
    compare : Two language models over a data set in one call.

    Examples
    --------
    .. code-block:: python

        accumulator = drift.Accumulator(layers=12, width=768)
        with (
            drift.capture(before, "blocks.*.attn", select=lambda x: x[:, 0]) as old,
            drift.capture(after, "blocks.*.attn", select=lambda x: x[:, 0]) as new,
        ):
            for ids, images in loader:
                before(images)
                after(images)
                accumulator.update(old.take(), new.take(), ids=ids)
    """
    if not is_module(module):
        kind = type(module).__name__
        raise TypeError(f"module must be a torch.nn.Module, got {kind}")
    check_what(what)
    if select is not None and not callable(select):
        raise TypeError(f"select must be callable, got {type(select).__name__}")
    return Captured(
        _states(module, what) if names is None else _named(module, names), select
    )


def _named(module: Any, names: str | Sequence[str]) -> dict[str, Any]:
    patterns = [names] if isinstance(names, str) else list(names)
    if not patterns:
        raise ValueError("names must hold at least one name, got none")
    known = {name: each for name, each in module.named_modules() if name}
    chosen: set[str] = set()
    for pattern in patterns:
        if not isinstance(pattern, str):
            kind = type(pattern).__name__
            raise TypeError(f"names must be str, got {kind}")
        found = {each for each in known if fnmatch.fnmatchcase(each, pattern)}
        if not found:
            raise ValueError(
                f"names: the model has no module {pattern!r}.{nearest(pattern, known)}"
            )
        chosen |= found
    return {name: each for name, each in known.items() if name in chosen}


def _states(module: Any, what: str) -> dict[str, Any]:
    from vaccine_swift.engines.torch.hooks import state_modules

    held = module.get_base_model() if hasattr(module, "get_base_model") else module
    names = {id(each): name for name, each in module.named_modules()}
    return {
        names[id(each)]: each
        for (state, _), each in state_modules(held).items()
        if state == what
    }


def _tensor_of(output: Any, name: str) -> Any:
    """The output, or the first of several, as transformers' blocks give them."""
    first = output
    if isinstance(output, Mapping):
        first = next(iter(output.values()), None)
    elif isinstance(output, tuple | list):
        first = output[0] if output else None
    if not hasattr(first, "detach"):
        raise TypeError(
            f"{name} must put out a tensor, or a tensor first, got "
            f"{type(output).__name__}"
        )
    return first
