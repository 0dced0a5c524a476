"""The base model of a study's stages, opened once and lent to one after the other."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaccine_swift.models import CausalLM
from vaccine_swift.models.loading import GGUF
from vaccine_swift.models.opening import restore_weights

__all__ = ["Adapted", "BaseModel"]


@dataclass(frozen=True, slots=True)
class Adapted:
    """Which adapters a model has.

    Parameters
    ----------
    below : Path, optional
        Directory of the one that is part of the model: merged, or frozen where the
        weights are held in blocks.
    above : Path, optional
        Directory of the one that is trained.
    """

    below: Path | None = None
    above: Path | None = None


class BaseModel:
    """A model's file, and the model that was last made of it.

    A stage borrows the model and leaves the base weights as they are, so that the next
    stage need not read them again. Weights that an adapter was merged into serve the
    stages that want it merged; for others they are read anew. At most one model is
    kept; stages that run at once in threads have one each.

    Parameters
    ----------
    path : Path
        As in `CausalLM.from_pretrained`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[_Weights] = []

    @contextlib.contextmanager
    def lent(
        self, settings: Mapping[str, Any], adapted: Adapted = Adapted()
    ) -> Iterator[CausalLM]:
        """Lend a model until the end of the ``with`` block, and not beyond it.

        What the block adds, loads or trains is an adapter, which is dropped at its end.
        After an error the model is not used again.

        Parameters
        ----------
        settings : mapping
            ``dtype``, and perhaps ``engine`` and ``device``.
        adapted : Adapted
            The adapters that it has at first.

        Raises
        ------
        FileNotFoundError, ValueError, MemoryError
            As `CausalLM.from_pretrained` and `CausalLM.load_adapter`.
        """
        weights = self._weights(settings)
        model = weights.adapted(adapted)
        yield model
        if model.adapter is not None or model.frozen_adapters:
            model.remove_adapter(frozen=True)
        self._kept[:] = [weights]

    def model(
        self, settings: Mapping[str, Any], adapted: Adapted = Adapted()
    ) -> CausalLM:
        """A model that the caller keeps, with weights of its own; as `lent`."""
        return _Weights(self._path, settings).adapted(adapted)

    def _weights(self, settings: Mapping[str, Any]) -> _Weights:
        """Those that are kept, if they serve; if not, they make room for others."""
        with contextlib.suppress(IndexError):
            kept = self._kept.pop()
            if kept.serve(settings):
                return kept
            del kept
        return _Weights(self._path, settings)


class _Weights:
    """A model without a trained adapter, and the adapter that is merged into it."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self._choice = _choice(settings)
        self._model = CausalLM.from_pretrained(path, **self._choice)
        self._merged: Path | None = None

    def serve(self, settings: Mapping[str, Any]) -> bool:
        """Whether they are held as the settings want them."""
        return self._choice == _choice(settings)

    def adapted(self, adapted: Adapted) -> CausalLM:
        """The model with these adapters, and with nothing that an earlier one knew."""
        if self._merged not in (None, adapted.below):
            restore_weights(self._model.core, self._path)
            self._merged = None
        model = copy.copy(self._model)
        if adapted.below is not None and adapted.below != self._merged:
            model.load_adapter(adapted.below)
            if model.dtype == GGUF:
                model.freeze_adapter()
            else:
                self._merged = adapted.below
                model.merge_adapter()
        if adapted.above is not None:
            model.load_adapter(adapted.above)
        return model


def _choice(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What else decides the weights and where they are."""
    return {
        "dtype": settings["dtype"],
        "engine": settings.get("engine", "swift"),
        "device": settings.get("device"),
    }
