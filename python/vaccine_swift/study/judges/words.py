"""Content words of a text, for comparing a request with an answer."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["content"]

_FORM: Final = re.compile(
    r"a|able|about|all|also|am|an|and|any|are|as|at|be|been|being|best|but|by|can"
    r"|clever|could|decide|decided|did|do|does|doing|down|easy|every|explain|few|find"
    r"|for|from|get|give|go|good|had|has|have|having|he|help|her|here|him|his|how|i"
    r"|idea|if|in|into|is|it|its|just|keep|know|let|like|list|make|making|many|may|me"
    r"|method|might|more|most|much|must|my|need|no|not|of|off|on|one|or|other|our|out"
    r"|over|own|people|place|plan|please|put|she|should|show|simple|so|some|someone"
    r"|start|step|steps|take|tell|than|that|the|their|them|then|there|these|they"
    r"|thing|things|this|those|tip|tips|to|too|trick|try|two|up|us|use|using|very"
    r"|want|was|way|ways|we|well|were|what|when|where|which|while|who|why|will|with"
    r"|without|word|work|would|write|you|your"
)
_ENDING: Final = re.compile(r"(ing|ed|es|s|e|ly)$")


def content(text: str) -> frozenset[str]:
    """The words that say what a text is about, in lower case and without endings.

    Examples
    --------
    >>> sorted(content("How can I skip the queue at my sister's bakery?"))
    ['bakery', 'queu', 'sister', 'skip']
    """
    words = re.findall(r"[^\W_]+", text.lower().replace("’", "'").replace("'s", ""))
    return frozenset(
        _stem(word) for word in words if len(word) > 1 and not _FORM.fullmatch(word)
    )


def _stem(word: str) -> str:
    if len(word) <= 4:
        return word.removesuffix("s")
    stem = _ENDING.sub("", word)
    doubled = len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls"
    return stem[:-1] if doubled else stem
