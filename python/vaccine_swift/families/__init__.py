"""Model families: Hugging Face configurations, described for the core by their blocks.

A family is one file here and its line in `FAMILIES`. What the engine does not implement
is refused by name, all faults of a configuration in one error; a key that nobody here
has heard of is warned of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._arguments import check_word
from vaccine_swift.families.family import Family, GGUFNames
from vaccine_swift.families.gemma import GEMMA
from vaccine_swift.families.gemma2 import GEMMA2
from vaccine_swift.families.gemma3 import GEMMA3
from vaccine_swift.families.gpt_neox import GPT_NEOX
from vaccine_swift.families.llama import LLAMA
from vaccine_swift.families.mistral import MISTRAL
from vaccine_swift.families.olmo2 import OLMO2
from vaccine_swift.families.opt import OPT
from vaccine_swift.families.phi3 import PHI3
from vaccine_swift.families.qwen2 import QWEN2
from vaccine_swift.families.qwen3 import QWEN3
from vaccine_swift.families.reader import ConfigurationReader
from vaccine_swift.families.smollm3 import SMOLLM3

__all__ = [
    "FAMILIES",
    "GGUF_FAMILIES",
    "Family",
    "GGUFNames",
    "core_configuration",
    "family_of",
]

FAMILIES: Final[dict[str, Family]] = {
    family.model_type: family
    for family in (
        *(LLAMA, MISTRAL, OPT, QWEN2, QWEN3, SMOLLM3, OLMO2),
        *(GEMMA, GEMMA2, GEMMA3, GPT_NEOX, PHI3),
    )
}
"""By ``model_type``."""

GGUF_FAMILIES: Final[dict[str, Family]] = {
    family.gguf.architecture: family
    for family in FAMILIES.values()
    if family.gguf is not None
}
"""By ``general.architecture`` of GGUF files."""


def family_of(config: Mapping[str, Any], source: str = "config") -> Family:
    """The family that a configuration names.

    Raises
    ------
    ValueError
        When its ``model_type`` is none that is here; names the nearest.
    """
    name = config.get("model_type")
    check_word(f"{source}: model_type", name, FAMILIES)
    return FAMILIES[str(name)]


def core_configuration(
    config: Mapping[str, Any], *, dtype: str = "float32", source: str = "config"
) -> dict[str, Any]:
    """The core's description of the model that a Hugging Face configuration describes.

    Parameters
    ----------
    config : mapping
        What ``config.json`` holds. ``model_type`` (a key of `FAMILIES`) and the model's
        sizes must be there; the rest defaults as in transformers. Rotary settings may
        be spelt ``rope_theta`` and ``rope_scaling``, or ``rope_parameters`` as
        transformers 5 writes them.
    dtype : str
        In which the model computes: one of ``_core.dtypes()``.
    source : str
        Named at the head of error messages.

    Returns
    -------
    dict
        Named values that describe the decoder by its blocks, as ``_core.Model`` takes
        them, with the names of its tensors under ``names.…``.

    Raises
    ------
    TypeError
        When `config` is no mapping.
    ValueError
        When something is missing, out of range or not implemented (other model types,
        activations, rope scaling types, quantised weights, experts …). The message
        lists every fault.

    Warns
    -----
    UserWarning
        For keys that are unknown here and were not used.

    Examples
    --------
    >>> fields = core_configuration(
    ...     {
    ...         "model_type": "llama",
    ...         "vocab_size": 32000,
    ...         "hidden_size": 4096,
    ...         "intermediate_size": 11008,
    ...         "num_hidden_layers": 32,
    ...         "num_attention_heads": 32,
    ...     }
    ... )
    >>> fields["head_size"], fields["rotary_base"], fields["names.down"]
    (128, 10000.0, 'model.layers.{layer}.mlp.down_proj')
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"{source} must be a mapping, got {type(config).__name__}")
    family = family_of(config, source)
    reader = ConfigurationReader(config, family.defaults)
    fields = family.describe(reader)
    reader.check_the_rest()
    if reader.faults:
        raise ValueError(f"{source}: " + "; ".join(reader.faults))
    reader.warn_of_unknown_keys(source, stacklevel=2)
    names = {f"names.{module}": name for module, name in family.modules.items()}
    return fields | {"precision": dtype} | names
