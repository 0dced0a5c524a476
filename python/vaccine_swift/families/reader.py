"""Reads a Hugging Face configuration key by key and gathers what is wrong with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

from vaccine_swift._arguments import is_within, nearest, shortened
from vaccine_swift.families.keys import IRRELEVANT_KEYS, UNIMPLEMENTED_KEYS

__all__ = ["ConfigurationReader"]

_INT32_MAX: Final = 2**31 - 1


class ConfigurationReader:
    """A configuration with its family's defaults.

    Each method reads one key. What is missing, of another type or out of range is
    noted in `faults`, and reading goes on, so that all of it comes in one error.

    Parameters
    ----------
    config : mapping
        What ``config.json`` holds.
    defaults : mapping
        For keys that are absent or null.

    Attributes
    ----------
    values : dict
        The configuration over the defaults, without nulls.
    faults : list of str
        What is wrong so far, each with the key's name.
    """

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self._config = config
        self.values = dict(defaults)
        self.values |= {key: v for key, v in config.items() if v is not None}
        self.faults: list[str] = []
        self._read: set[str] = set()

    def value(self, key: str) -> Any:
        """Anything; None where the key is absent."""
        self._read.add(key)
        return self.values.get(key)

    def value_or_null(self, key: str) -> Any:
        """Anything, where null is an answer of its own and not the default."""
        self._read.add(key)
        return self._config[key] if key in self._config else self.values.get(key)

    def size(self, key: str) -> int | None:
        """An integer from 1 to 2³¹ - 1; None with a fault noted."""
        value = self.value(key)
        if value is None:
            self.faults.append(f"{key} is missing")
            return None
        return value if self.is_size(key, value) else None

    def is_size(self, name: str, value: object) -> bool:
        """Whether a value can be a size; otherwise it is a fault of `name`."""
        return is_within(
            name, value, self.faults, minimum=1, maximum=_INT32_MAX, integer=True
        )

    def positive(self, key: str) -> float | None:
        """A finite number above 0."""
        value = self.value(key)
        if is_within(key, value, self.faults, above=0.0):
            return float(value)
        return None

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            self.faults.append(f"{key} must be true or false, got {value!r}")
        return value

    def only(self, key: str, *names: str) -> None:
        """Refuse all values but these, of which the first is the usual spelling."""
        value = self.value(key)
        if value not in names:
            self.faults.append(f"{key} must be {names[0]!r}, got {value!r}")

    def names(self, key: str) -> list[str]:
        """A list of strings that may be absent."""
        value = self.values.get(key, [])
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return value
        self.faults.append(f"{key} must be a list of strings, got {shortened(value)}")
        return []

    def knows(self, keys: Iterable[str]) -> None:
        """Note keys that something else reads from `values`."""
        self._read.update(keys)

    def check_the_rest(self) -> None:
        """Note whatever else the configuration asks for and the engine lacks."""
        if "layer_types" not in self._read:
            kinds = self.names("layer_types")
            if other := sorted(set(kinds) - {"full_attention"}):
                self.faults.append(
                    f"layer_types {', '.join(other)} are not implemented"
                )
        architectures = self.names("architectures")
        if architectures and not any("ForCausalLM" in name for name in architectures):
            self.faults.append(
                f"architectures must name a causal language model, got "
                f"{architectures!r}"
            )
        for key, neutral in UNIMPLEMENTED_KEYS.items():
            value = self.values.get(key)
            if key not in self._read and value is not None and value != neutral:
                self.faults.append(f"{key} = {shortened(value)} is not implemented")

    def warn_of_unknown_keys(self, source: str, *, stacklevel: int) -> None:
        """Warn of keys that nobody here has heard of, with the nearest known one."""
        known = self._read | set(UNIMPLEMENTED_KEYS) | IRRELEVANT_KEYS
        unknown = [
            key
            for key in self._config
            if key not in known and not str(key).startswith("_")
        ]
        if unknown:
            named = ", ".join(
                f"{key!r}.{nearest(str(key), sorted(known))}" for key in unknown
            )
            warnings.warn(
                f"{source}: unknown keys not used: {named}", stacklevel=stacklevel + 1
            )
