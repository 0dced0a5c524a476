"""Nouns after numbers: one row, two rows."""

from __future__ import annotations

__all__ = ["counted", "plural"]


def plural(count: float, word: str, many: str = "") -> str:
    """A word as it stands after a number.

    Parameters
    ----------
    count : float
        The number; 1 alone takes the singular.
    word : str
        The singular, whose last word is regular where `many` is not given.
    many : str
        The plural of another word, such as a verb.

    Examples
    --------
    >>> plural(1, "batch"), plural(2, "batch"), plural(0, "entry"), plural(2, "day")
    ('batch', 'batches', 'entries', 'days')
    >>> plural(1, "has", "have")
    'has'
    """
    if count == 1:
        return word
    if many:
        return many
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


def counted(count: float, noun: str, many: str = "", *, form: str = "") -> str:
    """A number and the noun that it counts, see `plural`.

    Parameters
    ----------
    count : float
    noun, many : str
        As of `plural`.
    form : str
        How the number is written, as in `format`.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "near miss", form=",")
    ('1 row', '1,200 near misses')
    """
    return f"{count:{form}} {plural(count, noun, many)}"
