"""LoRA adapters of a `CausalLM`: one at a time, in PEFT's names and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range
from vaccine_swift.checkpoints.peft import read_adapter, write_adapter
from vaccine_swift.checkpoints.tensors import check_tensors
from vaccine_swift.lora import LoRAConfig
from vaccine_swift.models.base import ModelBase

__all__ = ["Adapters"]


class Adapters(ModelBase):
    """Adding, loading, saving, merging and removing the adapter."""

    @property
    def adapter(self) -> LoRAConfig | None:
        """The settings of the adapter, None where there is none."""
        return self._adapter

    def add_adapter(
        self,
        config: LoRAConfig = LoRAConfig(),  # noqa: B008, frozen
        *,
        seed: int = 0,
    ) -> None:
        """Add a new adapter that changes nothing yet.

        A is drawn from U(±1/√in) (Kaiming with a = √5, as PEFT does), B is zero.

        Parameters
        ----------
        config : LoRAConfig
            Rank, scale, dropout and target modules.
        seed : int
            Seeds A, from 0 to 2⁶⁴ - 1.

        Raises
        ------
        RuntimeError
            When the model has an adapter already.
        ValueError
            When the rank is above the smaller side of an adapted matrix.
        MemoryError
            When the adapter does not fit.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config())
        >>> model.add_adapter(vs.LoRAConfig(r=2, target_modules=["q_proj"]))
        >>> for name, values in model.adapter_state().items():
        ...     print(name.removeprefix("base_model.model.model."), values.shape)
        layers.0.self_attn.q_proj.lora_A.weight (2, 32)
        layers.0.self_attn.q_proj.lora_B.weight (32, 2)
        layers.1.self_attn.q_proj.lora_A.weight (2, 32)
        layers.1.self_attn.q_proj.lora_B.weight (32, 2)
        """
        if not isinstance(config, LoRAConfig):
            raise TypeError(f"config must be a LoRAConfig, got {type(config).__name__}")
        check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
        if self._adapter is not None:
            raise RuntimeError(
                "the model has an adapter already; call merge_adapter or "
                "remove_adapter first"
            )
        self._adapter_shapes(config)
        self._model.add_adapter(
            config.r,
            float(config.lora_alpha),
            config.lora_dropout,
            list(config.target_modules),
            int(seed),
        )
        self._adapter = config

    def load_adapter(self, directory: str | Path) -> None:
        """Load an adapter that PEFT or this package saved, in place of any other.

        Parameters
        ----------
        directory : str or Path
            Holds ``adapter_config.json`` and ``adapter_model.safetensors`` (or
            ``adapter_model.bin``, of which nothing is executed).

        Raises
        ------
        FileNotFoundError
            When a file is missing.
        ValueError
            When a file is corrupt, the adapter uses an option that is not implemented,
            its tensors are not those of this model, or a number is not finite. The
            model stays as it was.
        """
        config, weights = read_adapter(Path(directory))
        try:
            shapes = self._adapter_shapes(config)
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error
        check_tensors(weights, shapes)
        state = {name: weights.read(name) for name in shapes}
        for name, values in state.items():
            if not np.isfinite(values).all():
                raise ValueError(f"{weights.name}: {name} holds NaN or infinity")
        if self._adapter is not None:
            self.remove_adapter()
        self.add_adapter(config)
        for name, values in state.items():
            self._model.write("adapter", name, values)

    def save_adapter(self, directory: str | Path) -> None:
        """Save the adapter so that PEFT reads it.

        Parameters
        ----------
        directory : str or Path
            Made where it does not exist; its other files stay.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        OSError
            When the disk refuses; an adapter that was there stays as it was.
        """
        config = self._require_adapter()
        write_adapter(
            Path(directory), config, self.adapter_state(), base_model=self._name
        )

    def adapter_state(self) -> dict[str, npt.NDArray[np.float32]]:
        """Copies of the adapter's weights.

        Returns
        -------
        dict of str to ndarray
            PEFT name to float32 array, [r, in] for ``lora_A`` and [out, r] for
            ``lora_B``.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        """
        return self._adapter_tensors("adapter")

    def merge_adapter(self) -> None:
        """Add the adapter to the weights, ``W += (lora_alpha / r) B A``, and drop it.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        """
        self._require_adapter()
        self._model.merge_adapter()
        self._adapter = None

    def remove_adapter(self) -> None:
        """Drop the adapter; the weights are those from before it was added.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        """
        self._require_adapter()
        self._model.remove_adapter()
        self._adapter = None

    def _adapter_shapes(self, config: LoRAConfig) -> dict[str, tuple[int, ...]]:
        """PEFT names and shapes of an adapter with these settings on this model."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, shape in self._shapes("weight").items():
            module, _, kind = name.rpartition(".")
            if kind != "weight" or module.split(".")[-1] not in config.target_modules:
                continue
            outputs, inputs = shape
            if config.r > min(shape):
                raise ValueError(
                    f"r must be at most {min(shape)}, the smaller side of {name}, "
                    f"got {config.r}"
                )
            shapes[f"base_model.model.{module}.lora_A.weight"] = (config.r, inputs)
            shapes[f"base_model.model.{module}.lora_B.weight"] = (outputs, config.r)
        return shapes
