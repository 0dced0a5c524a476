"""`LoadReport`: what became of the rows that `load` read."""

from __future__ import annotations

from dataclasses import dataclass

from vaccine_swift._plurals import counted

__all__ = ["LoadReport"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What `load` did; ``read == kept + dropped + filtered``.

    ``str(report)`` tells it in one line.

    Parameters
    ----------
    format, template : str
        The row format found or named, and the template.
    max_length : int
        Most tokens of an example.
    read : int
        Rows that came.
    kept : int
        Examples made.
    truncated : int
        Of those kept, how many lost tokens to `max_length`.
    dropped : int
        Rows without any supervised token within `max_length`.
    filtered : int
        Rows left out by ``safe=`` or because they ask not to be trained on.
    tokens, supervised : int
        Tokens of all examples, and how many of them count in the loss.
    unsafe : int
        Of those filtered, how many are marked as unsafe.
    reasons : tuple of (str, int)
        Why rows were left out or dropped, and how many for each.
    median_length : float
        Median tokens of a kept row, before it was cut; 0 if none was kept.
    longest : int
        Tokens of the longest kept row, before it was cut.
    unanswered : int
        Of those kept, how many have an empty answer, last turn or text.

    Examples
    --------
    >>> print(LoadReport("messages", "chat", 200, 9, 6, 1, 0, 3, 420, 200, 3,
    ...                  (("'is_safe' is false", 3),), 64.5, 230))
    6 of 9 rows kept, 3 left out ('is_safe' is false); median 64.5 tokens, longest 230 \
(1 cut to 200)
    """

    format: str
    template: str
    max_length: int
    read: int
    kept: int
    truncated: int
    dropped: int
    filtered: int
    tokens: int
    supervised: int
    unsafe: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    median_length: float = 0.0
    longest: int = 0
    unanswered: int = 0

    def __str__(self) -> str:
        parts = [f"{self.kept} of {counted(self.read, 'row')} kept"]
        parts += [f"{count} left out ({reason})" for reason, count in self.reasons]
        text = ", ".join(parts)
        if self.kept:
            median = counted(self.median_length, "token", form="g")
            text += f"; median {median}, longest {self.longest}"
        if self.truncated:
            text += f" ({self.truncated} cut to {self.max_length})"
        if self.unanswered:
            text += f"; {self.unanswered} with an empty answer"
        return text
