"""`CausalLM`: made of files or at random, and what it is."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vaccine_swift import _core
from vaccine_swift._arguments import check_range, checked_path
from vaccine_swift._plurals import counted
from vaccine_swift.families import core_configuration
from vaccine_swift.models.adapters import Adapters
from vaccine_swift.models.chat import Chat
from vaccine_swift.models.core_weights import CoreWeights
from vaccine_swift.models.counting import ParameterCount
from vaccine_swift.models.engine_choice import EngineChoice
from vaccine_swift.models.gradients import Gradients
from vaccine_swift.models.hub_configuration import HubConfiguration
from vaccine_swift.models.likelihoods import Likelihoods
from vaccine_swift.models.loading import GGUF, loaded_model
from vaccine_swift.models.opening import open_path
from vaccine_swift.models.saving import Saving

if TYPE_CHECKING:
    from vaccine_swift.engines.torch import TorchModel
    from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["CausalLM"]


class CausalLM(Adapters, Likelihoods, Gradients, Chat, Saving):
    """A causal language model, with one LoRA adapter that is trained.

    Of any family in `vaccine_swift.families`. Made by `from_pretrained` or
    `from_config`. The base weights are frozen; training changes the adapter. One model
    serves one thread at a time.

    Shapes in this class: T tokens, C hidden size, V vocabulary, L layers.

    Examples
    --------
    >>> model = CausalLM.from_config(
    ...     {
    ...         "model_type": "llama",
    ...         "vocab_size": 32,
    ...         "hidden_size": 16,
    ...         "intermediate_size": 24,
    ...         "num_hidden_layers": 2,
    ...         "num_attention_heads": 4,
    ...         "num_key_value_heads": 2,
    ...     },
    ...     seed=0,
    ... )
    >>> model
    CausalLM(llama, float32, 2 layers, 4,944 parameters, no adapter)
    >>> model.logits([1, 2, 3]).shape
    (3, 32)
    """

    def __init__(
        self,
        model: _core.Model | TorchModel,
        config: Mapping[str, Any],
        *,
        generation_config: Mapping[str, Any] | None = None,
        tokenizer: Tokenizer | None = None,
        name: str | None = None,
    ) -> None:
        self._model = model
        self._config = copy.deepcopy(dict(config))
        self._generation_config = dict(generation_config or {})
        self._tokenizer = tokenizer
        self._name = name
        self._adapter = None
        self._frozen = ()
        self._stream = 0

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        dtype: str = "float32",
        *,
        engine: str = "swift",
        device: str | None = None,
        attention: str | None = None,
        gradient_checkpointing: bool = False,
        memory_map: bool = True,
    ) -> CausalLM:
        """Load a model from files.

        Parameters
        ----------
        path : str or Path
            A Hugging Face directory (``config.json``, safetensors or
            ``pytorch_model.bin`` in one file or in shards; the tokeniser's files if
            any, see `Tokenizer.from_directory`) or a ``.gguf`` file. Of a ``.bin``
            nothing is executed. Weights in float16, bfloat16 or quantised form are
            converted, one tensor at a time.
        dtype : {"float32", "bfloat16", "gguf", "auto"}
            In which frozen weights are held and multiplied. bfloat16 takes half the
            memory and is about 1.6 times as fast where the processor multiplies it
            (AVX-512 BF16), with factors rounded to 8 significant bits; everything
            else stays float32. "auto" is the fastest that the processor has. "gguf"
            keeps the matrices of a ``.gguf`` file as they are there (F32, F16, BF16,
            Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K), mapped from the file, and
            decodes them to float32 where they are multiplied: logits of more than three
            tokens are, bit for bit, what "float32" computes of the file, of fewer they
            agree to rounding. See `memory_map`.
            The torch engine knows "float16" as well, and holds activations in it; its
            "auto" is bfloat16 on a GPU that has it, else float32.
        engine : {"swift", "torch"}
            What computes. "torch" runs transformers models, on GPUs too, and needs
            the extra ``torch``.
        device : str, optional
            Of the torch engine: "cpu", "cuda", "cuda:1", or "auto" (the default) for
            all GPUs that there are, as many as the model needs, else the CPU.
        attention : str, optional
            Of the torch engine: transformers' ``attn_implementation``, such as
            "sdpa" or "flash_attention_2".
        gradient_checkpointing : bool
            Of the torch engine: keep the layers' inputs alone of a forward pass in
            training, and compute the rest again.
        memory_map : bool
            Of `dtype` "gguf": read the blocks where the file is mapped, which processes
            share and which takes no time. The file may then be deleted or replaced by
            another, but not be written to while the model lives. Where it is cut short,
            the call that finds it out, and each one after it, raises OSError; the
            adapter can still be saved. False reads the blocks into memory of the
            process, whatever becomes of the file.

        Returns
        -------
        CausalLM
            With a tokeniser where the files hold one.

        Raises
        ------
        FileNotFoundError
            When `path` or a file in it does not exist; nothing is downloaded.
        ValueError
            When the processor does not multiply `dtype`, or `dtype` is "gguf" and the
            file is none or holds a type that is not kept; when a file is truncated or
            corrupt, the configuration asks for something that is not implemented, or
            tensors are missing, surplus, misshapen or not finite; names the file and
            all that is wrong with it.
        MemoryError
            When the model does not fit; nothing was allocated.
        OSError
            When a file is cut short while it is read.

        Warns
        -----
        UserWarning
            When a GGUF file's tokeniser is not implemented; `tokenizer` is then None.
        """
        choice = EngineChoice(engine, device, attention, gradient_checkpointing)
        dtype = choice.dtype(dtype, blocks=True)
        opened = open_path(
            checked_path("path", path), dtype, choice, mapped=bool(memory_map)
        )
        return cls(**opened._asdict())

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        seed: int = 0,
        *,
        dtype: str = "float32",
        engine: str = "swift",
        device: str | None = None,
        attention: str | None = None,
        gradient_checkpointing: bool = False,
    ) -> CausalLM:
        """A model with random weights.

        Linear and embedding weights are drawn from N(0, 0.02²), norms are 1, biases 0.

        Parameters
        ----------
        config : mapping
            What a ``config.json`` holds; see
            `vaccine_swift.families.core_configuration`.
        seed : int
            From 0 to 2⁶⁴ - 1.
        dtype, engine, device, attention, gradient_checkpointing
            As in `from_pretrained`. The weights are the same on each engine.

        Raises
        ------
        TypeError, ValueError
            When the configuration is not complete or not implemented; lists every
            fault. When the processor does not multiply `dtype`.
        MemoryError
            When the model does not fit; nothing was allocated.
        """
        check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
        choice = EngineChoice(engine, device, attention, gradient_checkpointing)
        fields = core_configuration(config, dtype=choice.dtype(dtype))
        return cls(choice.random(fields, config, int(seed)), config)

    @property
    def config(self) -> HubConfiguration:
        """A copy of the Hugging Face configuration, a dict."""
        return HubConfiguration(copy.deepcopy(self._config))

    @property
    def dtype(self) -> str:
        """How frozen weights are held: float32, bfloat16, or gguf (in blocks)."""
        return self._model.configuration["precision"]

    @property
    def device(self) -> str:
        """Where the engine computes: "cpu", or the device of torch that is fed."""
        if isinstance(self._model, _core.Model):
            return "cpu"
        return str(self._model.device)

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The tokeniser, None where the model's files hold none."""
        return self._tokenizer

    @property
    def num_parameters(self) -> ParameterCount:
        """Number of base weights; a tied vocabulary matrix counts once.

        It may be called, as callbacks of transformers do.
        """
        shapes = self._shapes("weight").values()
        return ParameterCount(sum(math.prod(shape) for shape in shapes))

    def __repr__(self) -> str:
        layers = self._model.configuration["layer_count"]
        is_swift = isinstance(self._model, _core.Model)
        engine = "" if is_swift else f" by torch on {self.device}"
        adapter = "no adapter" if self._adapter is None else repr(self._adapter)
        frozen = f"{len(self._frozen)} frozen, " * bool(self._frozen)
        return (
            f"CausalLM({self._config['model_type']}, {self.dtype}{engine}, "
            f"{counted(layers, 'layer')}, "
            f"{counted(self.num_parameters, 'parameter', form=',')}, {frozen}{adapter})"
        )

    def _quantised(self, kind: str) -> CausalLM:
        """The same model with its matrices in blocks; see `quantize`."""
        fields = self._model.configuration | {"precision": GGUF}
        return CausalLM(
            loaded_model(
                fields, CoreWeights(cast(_core.Model, self._model)), kind=kind
            ),
            self._config,
            generation_config=self._generation_config,
            tokenizer=self._tokenizer,
            name=self._name,
        )
