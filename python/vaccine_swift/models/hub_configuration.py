"""A Hugging Face configuration with the methods that others call on one."""

from __future__ import annotations

from typing import Any

from vaccine_swift.files.plain_json import json_text

__all__ = ["HubConfiguration"]


class HubConfiguration(dict[str, Any]):
    """What a ``config.json`` holds, as a dict.

    Trackers of transformers find the methods of its ``PretrainedConfig`` that they use.
    """

    def to_dict(self) -> dict[str, Any]:
        """A plain dict of all settings."""
        return dict(self)

    def to_json_string(self, *, use_diff: bool = True) -> str:
        """All settings as JSON, whatever `use_diff`."""
        return json_text(self, indent=2, sort_keys=True) + "\n"
