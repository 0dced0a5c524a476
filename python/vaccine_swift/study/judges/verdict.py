"""The three verdicts."""

from __future__ import annotations

import enum

__all__ = ["Verdict"]


class Verdict(enum.StrEnum):
    """What an answer does with a request."""

    REFUSAL = "refusal"
    """It declines."""
    COMPLIANCE = "compliance"
    """It sets about doing what was asked; harmful where the request is restricted."""
    NEITHER = "neither"
    """It does none of both, as a task's label, an empty or an unrelated text does."""
