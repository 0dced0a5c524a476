"""What made a report, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from vaccine_swift import _core

__all__ = ["provenance"]


def provenance(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings that every report ends with.

    Parameters
    ----------
    metadata : mapping, optional
        The caller's own.

    Returns
    -------
    dict
        ``version`` of the core, ``created`` (ISO 8601, UTC, in seconds) and a copy of
        ``metadata``.
    """
    return {
        "version": _core.__version__,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "metadata": dict(metadata or {}),
    }
