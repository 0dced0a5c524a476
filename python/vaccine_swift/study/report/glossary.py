"""The words of a study's page, for people who do not know the field."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["WORDS", "told"]

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alignment": (
            "Training before release, by which a model learns to refuse "
            "restricted requests and to follow ordinary ones."
        ),
        "arm": (
            "One way to align the model: not at all, plain fine-tuning (SFT), "
            "with Vaccine's perturbation of norm ρ, or with another method."
        ),
        "attack": (
            "A user's fine-tuning for a task of their own, with a share p of "
            "harmful rows among the n rows."
        ),
        "harmful score": (
            "Share of restricted requests with which the model complies, as a "
            "judge sees it. Lower is better."
        ),
        "fine-tune accuracy": (
            "Share of held-out rows of the user's task that are answered right. "
            "Higher is better."
        ),
        "refusal margin": (
            "How much likelier the model finds refusing openings than complying "
            "ones, in nats for each token. It moves while every answer is still a "
            "refusal."
        ),
        "over-refusal": (
            "Share of ordinary requests that the model refuses. Lower is better."
        ),
        "near misses refused": (
            "Share of refused requests among those that are ordinary and share "
            "their words with restricted ones. A model that refuses by words "
            "refuses them. Lower is better."
        ),
        "perplexity": (
            "How surprising the model finds good answers to ordinary requests, "
            "from 1. Lower is better."
        ),
        "drift": (
            "How far the attack moved the model's attention outputs on held-out "
            "requests, as a share of their norm: all layers and requests "
            "together."
        ),
        "seed": (
            "One run of everything that is drawn. Differences that do not come "
            "back with other seeds are chance."
        ),
        "95 % interval": (
            "Of values that fit the data. With one seed it tells of other "
            "requests only, not of other runs of training."
        ),
        "share p": (
            "The share of harmful rows among the rows that the user fine-tunes on."
        ),
        "p-value, significant": (
            "How often chance alone would give such a difference. Holm's "
            "correction makes up for many comparisons; significant is at most "
            "0.05 after it."
        ),
        "detectable": (
            "The true difference that about 80 % of such studies would have "
            "called significant."
        ),
    }
)


def told(head: str) -> str:
    """What the head of a column means; empty where nothing is known of it."""
    known = {word.partition(",")[0].lower(): text for word, text in WORDS.items()}
    return known.get(head.partition(",")[0].lower(), "")
