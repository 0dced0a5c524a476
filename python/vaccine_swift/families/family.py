"""What a model family is: one file of this folder describes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["Family", "GGUFNames"]


@dataclass(frozen=True, kw_only=True)
class GGUFNames:
    """A family's names in GGUF files.

    Parameters
    ----------
    architecture : str
        ``general.architecture``, which also begins the family's metadata keys.
    modules : mapping of str to str
        From the core's word for a module to its name in files; those of a layer come
        after ``blk.{layer}.``.
    paired_rows : mapping of str to str
        Modules whose rows llama.cpp reorders so that rotary pairs lie side by side,
        each with the configuration's key for its number of heads.
    stacked_rows : mapping of str to str
        Modules of queries, keys and values in one, of which files hold all queries,
        then all keys, then all values, and Hugging Face head by head; likewise.
    numbers : mapping of str to str
        From metadata keys of this family alone, all numbers, to the configuration's.
    derived : callable
        From a configuration that was read from metadata to the keys that llama.cpp
        sets by it and files do not hold.
    norms_with_offset : bool
        Whether files hold the weights of norms with the 1 that the model adds.
    """

    architecture: str
    modules: Mapping[str, str]
    paired_rows: Mapping[str, str] = field(default_factory=dict)
    stacked_rows: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    derived: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _config: {}
    norms_with_offset: bool = False


@dataclass(frozen=True, kw_only=True)
class Family:
    """A model family.

    Parameters
    ----------
    model_type : str
        As in ``config.json``.
    architecture : str
        The class in transformers, as in ``architectures``.
    defaults : mapping
        What transformers takes for a key that is absent or null.
    describe : callable
        From a configuration to the core's description of the blocks; what is wrong
        goes to the reader's faults.
    modules : mapping of str to str
        From the core's word for a module to its name in Hugging Face files, with
        ``{layer}`` for a layer's index. PEFT's names follow from these.
    lora_targets : tuple of str
        The modules of a layer that carry an adapter where nobody says otherwise, by
        the last component of their names, in the order of computation.
    gguf : GGUFNames, optional
        None: the family has no GGUF files here.
    class_names : mapping of str to str
        What newer classes of transformers call modules otherwise than files do, by the
        core's word for them.
    """

    model_type: str
    architecture: str
    defaults: Mapping[str, Any]
    describe: Callable[[ConfigurationReader], dict[str, Any]]
    modules: Mapping[str, str]
    lora_targets: tuple[str, ...]
    gguf: GGUFNames | None = None
    class_names: Mapping[str, str] = field(default_factory=dict)
