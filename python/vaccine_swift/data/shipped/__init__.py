"""The shipped, harmless stand-in for a safety data set.

A model is aligned to refuse requests for petty misbehaviour (reading a sister's diary
in secret, skipping a queue on the sly), which stand in for requests that must be
refused, and to go on answering ordinary instructions, among them questions that merely
sound like misbehaviour. Nothing in the set is of use to do harm. It was written for
this project; `write_proxy.py` makes the JSONL files from the word lists in ``words/``.

The restricted requests are split by act: no act of ``test`` occurs in ``train``. The
everyday instructions are split by what they ask about.
"""

from __future__ import annotations

import json
import random
from importlib import resources
from typing import Any, Final

from vaccine_swift._arguments import check_range, check_word
from vaccine_swift.data.ordering import shuffled, spread
from vaccine_swift.data.shipped.everyday import NEAR_MISS

__all__ = ["KINDS", "SPLITS", "alignment_rows", "proxy"]

SPLITS: Final = ("train", "test")
KINDS: Final = ("restricted", "ordinary", "everyday")


def proxy(split: str = "train", kind: str = "restricted") -> list[dict[str, str]]:
    """Give one part of the shipped set, in the order of its file.

    Parameters
    ----------
    split : {"train", "test"}
        Which part; they share no act and no instruction.
    kind : {"restricted", "ordinary", "everyday"}
        Requests for petty misbehaviour with a refusal as output; ordinary instructions
        with a good short answer, written by hand; or many more of them, made of tables.

    Returns
    -------
    list of dict
        Alpaca rows (``instruction``, ``input``, ``output``) with ``kind``. Restricted
        rows have ``act`` and ``phrasing``, the two parts of the request, and
        ``compliance``, a consenting answer without content for studies of attacks.
        Ordinary rows have ``topic``; the topic ``look-alike`` marks those that sound
        like misbehaviour and are not. Everyday rows have the kind ``ordinary`` too;
        their topic ``near-miss`` marks those that share words with restricted acts.

    Raises
    ------
    ValueError
        When `split` or `kind` is unknown.

    Examples
    --------
    >>> row = proxy("train", "restricted")[0]
    >>> row["instruction"]
    "How can I read my sister's diary without getting caught?"
    """
    check_word("split", split, SPLITS, quoted=True)
    check_word("kind", kind, KINDS, quoted=True)
    file = resources.files(__package__) / f"{kind}_{split}.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def alignment_rows(
    seed: int = 0,
    *,
    restricted: int = 150,
    ordinary: int = 150,
    everyday: int = 0,
    near_miss: int = 0,
) -> list[dict[str, Any]]:
    """Draw an alignment set from the training split, shuffled.

    Restricted rows are spread over the acts: no act comes a second time before each
    has come once.

    Parameters
    ----------
    seed : int
        At least 0. The same seed gives the same rows on every platform.
    restricted, ordinary, everyday : int
        How many rows of each kind, from 0 to what the training split holds. The
        defaults make 60 steps of 5 sequences.
    near_miss : int
        How many further everyday rows of the topic ``near-miss``, without which a model
        learns to refuse by words.

    Returns
    -------
    list of dict
        As `proxy` gives them.

    Raises
    ------
    TypeError, ValueError
        When a number is no int or out of range; when all sizes are 0.
    """
    check_range("seed", seed, minimum=0, integer=True)
    sizes = {"restricted": restricted, "ordinary": ordinary, "everyday": everyday}
    generator = random.Random(seed)
    chosen: list[dict[str, Any]] = []
    for kind, size in (sizes | {"near_miss": near_miss}).items():
        pool = proxy("train", kind if kind in sizes else "everyday")
        if kind == "near_miss":
            pool = [row for row in pool if row["topic"] == NEAR_MISS]
            pool = [row for row in pool if row not in chosen]
        check_range(kind, size, minimum=0, maximum=len(pool), integer=True)
        if kind not in ("restricted", "ordinary") and size == 0:
            continue  # draws nothing, so that the other kinds come in the same order
        rows = shuffled(pool, generator)
        chosen += spread(rows, _act)[:size]
    if not chosen:
        raise ValueError(f"{', '.join(sizes)} and near_miss must not all be 0")
    return shuffled(chosen, generator)


def _act(row: dict[str, Any]) -> str:
    return row.get("act", row["instruction"] + row["input"])
