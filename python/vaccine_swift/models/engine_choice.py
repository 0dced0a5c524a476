"""Which engine holds a model, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vaccine_swift import _core
from vaccine_swift._arguments import check_word
from vaccine_swift.engines.requirements import load_torch_engine, require
from vaccine_swift.models.loading import available_dtype

if TYPE_CHECKING:
    from vaccine_swift.engines.torch import TorchModel

__all__ = ["ENGINES", "EngineChoice"]

ENGINES: Final = ("swift", "torch")


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and what it is told of the machine.

    Parameters
    ----------
    name : {"swift", "torch"}
        Which.
    device : str, optional
        Of torch: "auto", "cpu", "cuda", "cuda:1", …
    attention : str, optional
        transformers' ``attn_implementation``.
    checkpointing : bool
        Whether the layers of the first pass are computed again in the backward one.

    Raises
    ------
    ValueError
        When the engine is unknown, or the Swift engine is told what torch alone knows.
    ImportError
        When a library that the torch engine needs is not installed.
    """

    name: str = "swift"
    device: str | None = None
    attention: str | None = None
    checkpointing: bool = False

    def __post_init__(self) -> None:
        check_word("engine", self.name, ENGINES, quoted=True)
        if self.name == "torch":
            placement = self._placement()
            object.__setattr__(self, "device", placement.available_device(self.device))
            return
        for argument, value, neutral in (
            ("device", self.device, (None, "cpu", "auto")),
            ("attention", self.attention, (None,)),
            ("gradient_checkpointing", self.checkpointing, (False,)),
        ):
            if value not in neutral:
                raise ValueError(
                    f'{argument}={value!r} needs engine="torch": the Swift engine '
                    "computes on the CPU in its own way"
                )

    @property
    def description(self) -> str:
        """Engine, device and version, of which results are a function."""
        if self.name == "swift":
            return self.name
        version = require("torch", 'engine="torch"').__version__
        return f"{self.name} {version} on {self.device}"

    def dtype(self, dtype: str, *, blocks: bool = False) -> str:
        """The precision that a caller asks for, if the engine multiplies it.

        Parameters
        ----------
        dtype : str
            Its name.
        blocks : bool
            Whether the core may keep the blocks of a GGUF file.

        Raises
        ------
        ValueError
            For an unknown name or a precision that is not there.
        """
        if self.name == "torch":
            chosen: str = self._placement().available_dtype(dtype, self.device)
            return chosen
        return available_dtype(dtype, blocks=blocks)

    def empty(
        self, fields: dict[str, Any], config: Mapping[str, Any]
    ) -> _core.Model | TorchModel:
        """A model without weights.

        Parameters
        ----------
        fields : dict
            The core's description.
        config : mapping
            What ``config.json`` holds.

        Raises
        ------
        ValueError, MemoryError
            When the engine cannot make it.
        """
        if self.name == "swift":
            return _core.Model(fields)
        from vaccine_swift.engines.torch import TorchModel

        return TorchModel(
            fields,
            config,
            device=str(self.device),
            attention=self.attention,
            checkpointing=self.checkpointing,
        )

    def random(
        self, fields: dict[str, Any], config: Mapping[str, Any], seed: int
    ) -> _core.Model | TorchModel:
        """A model with random weights, the same on each engine."""
        model = self.empty(fields, config)
        if isinstance(model, _core.Model):
            model.initialise(seed)
            return model
        source = _core.Model({**fields, "precision": "float32"})
        source.initialise(seed)
        for name, _ in source.tensors("weight"):
            model.write("weight", name, np.asarray(source.read("weight", name)))
        model.check_complete()
        return model

    def _placement(self) -> Any:
        load_torch_engine()
        from vaccine_swift.engines.torch import placement

        return placement
