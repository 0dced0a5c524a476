"""`load`: rows to labelled examples, with a count of what happened to them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from vaccine_swift._arguments import check_range
from vaccine_swift.batches import Example
from vaccine_swift.data.encoding import encode
from vaccine_swift.data.formats import FORMATS, find_format, parse
from vaccine_swift.data.rows import SourceRow, read_rows
from vaccine_swift.data.safety_labels import with_safety
from vaccine_swift.data.templates import check_template, render

if TYPE_CHECKING:
    from vaccine_swift.tokenizer import Tokenizer

__all__ = ["Dataset", "LoadReport", "load"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What `load` did; ``read == kept + dropped + filtered``.

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
        Rows left out by ``safe=``.
    tokens, supervised : int
        Tokens of all examples, and how many of them count in the loss.
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


class Dataset(Sequence[Example]):
    """Examples in the order of their rows.

    Parameters
    ----------
    examples : sequence of Example
        What a trainer takes.
    rows : sequence of mapping
        One for each example, see `rows`.
    report : LoadReport
        Counts.

    Attributes
    ----------
    rows : tuple of dict
        ``prompt``: the text as the template renders it, ready to generate from;
        ``completion``: the answer to it; and every column of the source that is not
        part of its row format. Of a conversation, the last assistant turn is the
        completion.
    report : LoadReport
        Rows read, kept, truncated, dropped.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        rows: Sequence[Mapping[str, Any]],
        report: LoadReport,
    ) -> None:
        self._examples = tuple(examples)
        self.rows = tuple(dict(row) for row in rows)
        self.report = report

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Example, ...]: ...
    def __getitem__(self, index: int | slice) -> Example | tuple[Example, ...]:
        return self._examples[index]

    def __iter__(self) -> Iterator[Example]:
        return iter(self._examples)

    def __repr__(self) -> str:
        report = self.report
        return (
            f"Dataset({report.kept} examples, {report.tokens} tokens, "
            f"{report.supervised} supervised, template={report.template!r})"
        )


def load(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    tokenizer: Tokenizer,
    *,
    template: str = "alpaca",
    max_length: int = 200,
    format: str | None = None,  # noqa: A002
    safe: bool | None = None,
) -> Dataset:
    """Read rows, put each into its template, tokenise and label it.

    The prompt is not supervised, the completion and the end-of-sequence token after it
    are. Of messages, every assistant turn is supervised.

    Parameters
    ----------
    path_or_rows : path or iterable of mappings
        A JSON, JSONL, CSV or Parquet file, or rows such as a list of dicts.
    tokenizer : Tokenizer
        The model's.
    template : {"alpaca", "alpaca-newline", "chat"}
        How a prompt is put into words; the first is the Vaccine authors'.
    max_length : int
        Most tokens of an example, the end-of-sequence token included, at least 2.
        Longer ones keep their start.
    format : {"alpaca", "prompt_completion", "messages", "beavertails"}, optional
        The row format; recognised from the keys of all rows by default.
    safe : bool, optional
        Of BeaverTails rows, take those whose ``is_safe`` is this; None takes all.

    Returns
    -------
    Dataset
        A sequence of `Example` with ``rows`` and ``report``.

    Warns
    -----
    UserWarning
        Once, with the counts, when rows were truncated or dropped.

    Raises
    ------
    FileNotFoundError, ImportError
        When there is no such file; when Parquet is asked for without pyarrow.
    TypeError
        When an argument or a row has the wrong type.
    ValueError
        When an argument is out of range or unknown, a file cannot be parsed, there is
        no row, or a row does not fit the format; the message names the row. When the
        tokenizer has no end-of-sequence token.

    References
    ----------
    .. [1] Huang, Hu, Liu, "Vaccine", arXiv:2402.01109, App. B.1 (settings).

    Examples
    --------
    >>> train = load([{"prompt": "Hi", "completion": "Hello"}], tok)  # doctest: +SKIP
    >>> train.report.kept  # doctest: +SKIP
    1
    """
    check_template(template, tokenizer)
    check_range("max_length", max_length, minimum=2, integer=True)
    if safe is not None and not isinstance(safe, bool):
        raise TypeError(f"safe must be True, False or None, got {safe!r}")
    rows = read_rows(path_or_rows)
    found = find_format(rows, format)
    chosen = rows if safe is None else with_safety(rows, found, safe=safe)

    examples, normalised = [], []
    truncated = 0
    for row in chosen:
        segments = render(parse(row, found), tokenizer, template, row.place)
        example, cut = encode(
            segments,
            tokenizer,
            max_length=max_length,
            add_special_tokens=template != "chat",
        )
        if example is None:
            continue
        truncated += cut
        examples.append(example)
        prompt = "".join(segment.text for segment in segments[:-1])
        completion = _without_end(segments[-1].text, tokenizer)
        extra = _extra_columns(row, found)
        normalised.append({**extra, "prompt": prompt, "completion": completion})

    report = LoadReport(
        format=found,
        template=template,
        max_length=max_length,
        read=len(rows),
        kept=len(examples),
        truncated=truncated,
        dropped=len(chosen) - len(examples),
        filtered=len(rows) - len(chosen),
        tokens=sum(example.tokens for example in examples),
        supervised=sum(example.supervised for example in examples),
    )
    if report.truncated or report.dropped:
        warnings.warn(
            f"of {report.read} rows, {report.truncated} were truncated to "
            f"max_length={max_length} tokens and {report.dropped} were dropped because "
            "no supervised token was left",
            stacklevel=2,
        )
    return Dataset(examples, normalised, report)


def _without_end(text: str, tokenizer: Tokenizer) -> str:
    return text.removesuffix(tokenizer.eos_token or "")


def _extra_columns(row: SourceRow, found: str) -> dict[str, Any]:
    own = FORMATS[found].required + (("input",) if found == "alpaca" else ())
    return {key: value for key, value in row.values.items() if key not in own}
