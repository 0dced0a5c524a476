"""`load`: rows to labelled examples, with a count of what happened to them."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, overload

from vaccine_swift._arguments import check_range, check_type
from vaccine_swift._plurals import counted, plural
from vaccine_swift.batches import Example
from vaccine_swift.data.encoding import encode
from vaccine_swift.data.formats import FORMATS, find_format
from vaccine_swift.data.items import Item, PlainText
from vaccine_swift.data.load_report import LoadReport
from vaccine_swift.data.marks import row_mark
from vaccine_swift.data.parsing import parse
from vaccine_swift.data.rows import SourceRow, read_rows
from vaccine_swift.data.safety_labels import Safety, check_safe, with_safety
from vaccine_swift.data.templates import check_template, render
from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["Dataset", "load"]


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
    source_rows : sequence of mapping
        One for each example, see `source_rows`; none by default.

    Attributes
    ----------
    rows : tuple of dict
        ``prompt``: the text as the template renders it, ready to generate from;
        ``completion``: the answer to it; and every column of the source that is not
        part of its row format. Of a conversation, the last assistant turn is the
        completion.
    source_rows : tuple of dict
        All columns as the source has them.
    report : LoadReport
        Rows read, kept, truncated, dropped.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        rows: Sequence[Mapping[str, Any]],
        report: LoadReport,
        source_rows: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._examples = tuple(examples)
        self.rows = tuple(dict(row) for row in rows)
        self.source_rows = tuple(dict(row) for row in source_rows)
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
            f"Dataset({counted(report.kept, 'example')}, "
            f"{counted(report.tokens, 'token')}, {report.supervised} supervised, "
            f"template={report.template!r})"
        )


def load(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    tokenizer: Tokenizer,
    *,
    template: str = "alpaca",
    max_length: int = 200,
    format: str | None = None,  # noqa: A002
    safe: Safety = "marked",
) -> Dataset:
    """Read rows, put each into its template, tokenise and label it.

    The prompt is not supervised, the completion and the end-of-sequence token after it
    are. Of messages, every assistant turn is supervised, of a preference pair the
    chosen side, and of plain text all.

    What a row says about its use is obeyed: rows marked as unsafe, ``"train": false``,
    ``"weight": 0`` on a row or a message. What the template would pass over, such as
    tool calls, is refused by name.

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
    format : str, optional
        A key of `FORMATS`; recognised from the keys of all rows by default.
    safe : {"marked", True, False, None}
        "marked" leaves out rows that are marked as unsafe (``is_safe`` and its like),
        and warns. True or False takes the rows whose mark is this and asks every row
        for one. None takes all, also the unsafe.

    Returns
    -------
    Dataset
        A sequence of `Example` with ``rows`` and ``report``.

    Warns
    -----
    UserWarning
        Once, with the counts, when rows were truncated or dropped; once when rows were
        left out by a mark of theirs that `safe` did not ask for.

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
    check_type("tokenizer", tokenizer, Tokenizer)
    check_template(template, tokenizer)
    check_range("max_length", max_length, minimum=2, integer=True)
    check_safe(safe)
    rows = read_rows(path_or_rows)
    found = find_format(rows, format)
    chosen, column, unsafe = with_safety(rows, found, safe=safe)
    reasons: Counter[str] = Counter()
    if column is not None:
        reasons[f"by {column}"] = unsafe

    examples, normalised, sources, lengths = [], [], [], []
    dropped = 0
    for row in chosen:
        if (mark := row_mark(row)) is not None:
            reasons[mark] += 1
            continue
        item = parse(row, found)
        segments = render(item, tokenizer, template, row.place)
        example, length = encode(
            segments,
            tokenizer,
            max_length=max_length,
            add_special_tokens=_begins_bare(item, tokenizer, template),
        )
        if example is None:
            dropped += 1
            continue
        examples.append(example)
        lengths.append(length)
        prompt = "".join(segment.text for segment in segments[:-1])
        completion = _without_end(segments[-1].text, tokenizer)
        extra = _extra_columns(row, found)
        normalised.append({**extra, "prompt": prompt, "completion": completion})
        sources.append(row.values)

    left_out = sum(reasons.values())
    if dropped:
        reasons[f"no supervised token within {max_length}"] = dropped
    report = LoadReport(
        format=found,
        template=template,
        max_length=max_length,
        read=len(rows),
        kept=len(examples),
        truncated=sum(length > max_length for length in lengths),
        dropped=dropped,
        filtered=left_out,
        tokens=sum(example.tokens for example in examples),
        supervised=sum(example.supervised for example in examples),
        unsafe=unsafe,
        reasons=tuple((reason, count) for reason, count in reasons.items() if count),
        median_length=median(lengths) if lengths else 0.0,
        longest=max(lengths, default=0),
        unanswered=sum(not row["completion"].strip() for row in normalised),
    )
    _warn(report, column if safe == "marked" else None)
    return Dataset(examples, normalised, report, sources)


def _warn(report: LoadReport, column: str | None) -> None:
    """Say what was lost, and what was left out by the marks of a column."""
    if report.truncated or report.dropped:
        warnings.warn(
            f"of {counted(report.read, 'row')}, {report.truncated} "
            f"{plural(report.truncated, 'was', 'were')} truncated to "
            f"max_length={counted(report.max_length, 'token')} and {report.dropped} "
            f"{plural(report.dropped, 'was', 'were')} dropped because no supervised "
            "token was left",
            stacklevel=3,
        )
    if column is not None and report.unsafe:
        warnings.warn(
            f"of {counted(report.read, 'row')}, {report.unsafe} "
            f"{plural(report.unsafe, 'is', 'are')} marked as unsafe by {column} and "
            "left out; safe=None keeps them",
            stacklevel=3,
        )


def _begins_bare(item: Item, tokenizer: Tokenizer, template: str) -> bool:
    """Whether the tokeniser has to put its special tokens before a row's text."""
    if isinstance(item, PlainText):
        bos = tokenizer.bos_token
        return bos is None or not item.text.startswith(bos)
    return template != "chat"


def _without_end(text: str, tokenizer: Tokenizer) -> str:
    ends = (token for token in tokenizer.end_tokens if text.endswith(token))
    return text.removesuffix(next(ends, ""))


def _extra_columns(row: SourceRow, found: str) -> dict[str, Any]:
    own = FORMATS[found].required + (("input",) if found == "alpaca" else ())
    return {key: value for key, value in row.values.items() if key not in own}
