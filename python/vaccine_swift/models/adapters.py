"""LoRA adapters of a `CausalLM`, one of them trained, in PEFT's names and files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range, checked_path
from vaccine_swift.checkpoints.peft import read_adapter, write_adapter
from vaccine_swift.checkpoints.tensors import check_tensors
from vaccine_swift.families import family_of
from vaccine_swift.lora import AdaptedModule, LoRAConfig
from vaccine_swift.models.adapted_maps import (
    adapted_modules,
    factor_shapes,
    linear_maps,
)
from vaccine_swift.models.base import ModelBase
from vaccine_swift.models.core_weights import merged_numbers
from vaccine_swift.models.joined import joined
from vaccine_swift.models.loading import GGUF

__all__ = ["Adapters"]


class Adapters(ModelBase):
    """Adding, loading, saving, freezing, merging and removing the adapter."""

    @property
    def adapter(self) -> LoRAConfig | None:
        """The settings of the adapter that is trained, None where there is none."""
        return self._adapter

    @property
    def frozen_adapters(self) -> tuple[LoRAConfig, ...]:
        """The settings of the adapters below it, in the order they were frozen."""
        return self._frozen

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
            When a rank is above the smaller side of an adapted matrix, or the model
            lacks a target.
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
        config = config.of_family(family_of(self._config).lora_targets)
        check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
        if self._adapter is not None:
            raise RuntimeError(
                "the model has an adapter already; call merge_adapter, freeze_adapter "
                "or remove_adapter first"
            )
        self._add(config, adapted_modules(config, self._linear_maps()), seed=int(seed))

    def load_adapter(self, directory: str | Path) -> None:
        """Load an adapter that PEFT or this package saved, in place of the trained one.

        Frozen adapters stay.

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
        config, weights = read_adapter(checked_path("directory", directory))
        maps = self._linear_maps()
        try:
            modules = adapted_modules(config, maps, strict=False)
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error
        shapes = factor_shapes(modules, maps)
        check_tensors(weights, shapes)
        state = {name: weights.read(name) for name in shapes}
        for name, values in state.items():
            if not np.isfinite(values).all():
                raise ValueError(f"{weights.name}: {name} holds NaN or infinity")
            _core.check_mapped(values)
        if self._adapter is not None:
            self.remove_adapter()
        self._add(config.simplified(maps), modules, seed=0)
        for name, values in state.items():
            self._model.write("adapter", name, values)

    def save_adapter(self, directory: str | Path, *, frozen: bool = False) -> None:
        """Save the adapter so that PEFT reads it.

        Parameters
        ----------
        directory : str or Path
            Made where it does not exist; its other files stay.
        frozen : bool
            Whether the frozen adapters are saved with it, all as one: on the base
            weights it computes what the model does, to rounding. Its rank is the sum of
            theirs. Left out, the trained adapter is saved alone, which belongs above
            those that are frozen.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        ValueError
            When one of its numbers is not finite, as after vectors that overflowed.
        OSError
            When the disk refuses. An adapter that was there stays as it was then too.
        """
        directory = checked_path("directory", directory)
        config, state = self._require_adapter(), self.adapter_state()
        if frozen and self._frozen:
            below, maps = self.frozen_states(), self._linear_maps()
            config, state = joined(
                [
                    (config.modules(maps, strict=False), tensors)
                    for config, tensors in (
                        *zip(self._frozen, below, strict=True),
                        (config, state),
                    )
                ],
                maps,
            )
        write_adapter(directory, config, state, base_model=self._name)

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

    def freeze_adapter(self) -> None:
        """Keep the adapter as it is, below one that is added or loaded next.

        A frozen adapter is part of what the model computes, as if it were merged, but
        the weights stay as they are: double LoRA on weights in GGUF blocks, which take
        no sum, or on weights that are shared. It has no dropout and no gradient.

        Raises
        ------
        RuntimeError
            When the model has no adapter, or the torch engine computes.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.quantize(vs.CausalLM.from_config(vs.tiny_config()))
        >>> model.add_adapter(vs.LoRAConfig(r=2))
        >>> model.freeze_adapter()
        >>> model.add_adapter(vs.LoRAConfig(r=4), seed=1)
        >>> model.dtype, len(model.frozen_adapters), model.adapter.r
        ('gguf', 1, 4)
        """
        config = self._require_adapter()
        if not isinstance(self._model, _core.Model):
            raise RuntimeError(
                "the torch engine keeps no frozen adapters; call merge_adapter instead"
            )
        self._model.freeze_adapter()
        self._adapter, self._frozen = None, (*self._frozen, config)

    def frozen_states(self) -> list[dict[str, npt.NDArray[np.float32]]]:
        """Copies of the weights of the frozen adapters, each as `adapter_state`."""
        if not self._frozen:
            return []
        core = cast(_core.Model, self._model)
        states: list[dict[str, npt.NDArray[np.float32]]] = [{} for _ in self._frozen]
        for name, _ in core.tensors("frozen"):
            _, index, own = name.split(".", 2)
            states[int(index)][own] = np.asarray(core.read("frozen", name))
        return states

    def merge_adapter(self) -> None:
        """Add all adapters to the weights, ``W += scale · B A``, and drop them.

        Weights in GGUF blocks become float32, 4 bytes each instead of 0.5 to 1, and
        `dtype` "float32"; `freeze_adapter` needs no such memory.

        Raises
        ------
        RuntimeError
            When the model has no adapter, frozen or not.
        ValueError
            When a sum is more than the weight's precision holds; names the weight. The
            model stays as it was.
        MemoryError
            When float32 weights do not fit beside the blocks; says how much memory they
            take. The model stays as it was.
        """
        if not self._frozen:
            self._require_adapter()
        if self._model.configuration["precision"] == GGUF:
            self._model = merged_numbers(cast(_core.Model, self._model))
        else:
            self._model.merge_adapter()
        self._adapter, self._frozen = None, ()

    def remove_adapter(self, *, frozen: bool = False) -> None:
        """Drop the adapter; the weights are those from before it was added.

        Parameters
        ----------
        frozen : bool
            Whether those that were frozen go as well; the model then need not have any.

        Raises
        ------
        RuntimeError
            When the model has no adapter.
        """
        if not frozen or self._adapter is not None:
            self._require_adapter()
            self._model.remove_adapter()
            self._adapter = None
        if frozen and self._frozen:
            cast(_core.Model, self._model).remove_frozen_adapters()
            self._frozen = ()

    def _add(
        self, config: LoRAConfig, modules: Mapping[str, AdaptedModule], *, seed: int
    ) -> None:
        self._model.add_adapter(
            list(modules),
            [module.rank for module in modules.values()],
            [module.scale for module in modules.values()],
            config.lora_dropout,
            seed,
        )
        self._adapter = config

    def _linear_maps(self) -> dict[str, tuple[int, ...]]:
        return linear_maps(self._shapes("weight"))
