"""What a command trains on: its rows as examples, and what it says of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import vaccine_swift as vs
from vaccine_swift._plurals import counted
from vaccine_swift.batches import IGNORED_LABEL
from vaccine_swift.cli.model_options import template_of
from vaccine_swift.cli.terminal import visible
from vaccine_swift.methods import Method, registered

__all__ = [
    "Told",
    "TrainingData",
    "add_row_options",
    "add_stream_option",
    "load_rows",
    "load_streams",
    "stream_sources",
]

_LONGEST: Final = 1200
"""Characters of the example that is shown."""


class TrainingData(NamedTuple):
    """Examples of all sources, lines about them, and one as text."""

    examples: list[vs.Example]
    lines: list[str]
    shown: list[str]


def add_row_options(group: argparse._ArgumentGroup) -> None:
    """``--format`` and ``--keep-unsafe``."""
    group.add_argument(
        "--format",
        metavar="NAME",
        help=f"the row format: {', '.join(vs.data.FORMATS)}; recognised from the "
        "columns if left out",
    )
    group.add_argument(
        "--keep-unsafe",
        action="store_true",
        help="train on rows that are marked as unsafe too",
    )


def add_stream_option(group: argparse._ArgumentGroup) -> None:
    """``--stream``."""
    readers = "; ".join(
        f"{name} reads {', '.join(method.streams)}"
        for name, method in registered().items()
        if method.streams
    )
    group.add_argument(
        "--stream",
        action="append",
        type=_stream,
        default=[],
        metavar="NAME=FILE",
        help="rows that the method reads beside --data, unsafe ones too; several files "
        f"of a name add up ({readers})",
    )


def _stream(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"must be NAME=FILE, got {text!r}")
    return name, Path(path)


def stream_sources(
    options: argparse.Namespace, method: Method
) -> dict[str, list[Path]]:
    """The files of each of the method's data streams.

    Raises
    ------
    ValueError
        When one is missing, or the method reads none of a name.
    """
    sources: dict[str, list[Path]] = {}
    for name, path in options.stream:
        if name not in method.streams:
            raise ValueError(
                f"--stream {name} has no meaning with --method {method.name}, which "
                f"reads {', '.join(method.streams) or 'none'}"
            )
        sources.setdefault(name, []).append(path)
    for name in method.streams:
        if name not in sources:
            raise ValueError(
                f"--stream {name}=FILE must be given with --method {method.name}"
            )
    return sources


def load_streams(
    options: argparse.Namespace,
    tokenizer: vs.Tokenizer,
    sources: Mapping[str, Sequence[Path]],
) -> dict[str, TrainingData]:
    """The rows of each data stream, those that are marked as unsafe too.

    Raises
    ------
    Exception
        As `vaccine_swift.data.load`.
    """
    everything = argparse.Namespace(**{**vars(options), "keep_unsafe": True})
    return {
        name: load_rows(everything, tokenizer, paths) for name, paths in sources.items()
    }


def load_rows(
    options: argparse.Namespace, tokenizer: vs.Tokenizer, sources: Sequence[Any]
) -> TrainingData:
    """The examples of all sources, each in a row format of its own.

    Raises
    ------
    Exception
        As `vaccine_swift.data.load`; ValueError when no row is left, with the reasons.
    """
    examples: list[vs.Example] = []
    lines = []
    for source in sources:
        dataset = vs.data.load(
            source,
            tokenizer,
            template=template_of(tokenizer, options.template),
            max_length=options.max_length,
            format=options.format,
            safe=None if options.keep_unsafe else "marked",
        )
        name = source if isinstance(source, Path) else "the shipped set"
        lines.append(f"{name}: {dataset.report}")
        examples += dataset
    if not examples:
        raise ValueError(f"there is no row to learn from: {'; '.join(lines)}")
    shown = [
        "an example as the model reads it, between « » what it learns:",
        _shown(examples[0], tokenizer),
    ]
    return TrainingData(examples, lines, shown)


def _shown(example: vs.Example, tokenizer: vs.Tokenizer) -> str:
    text = ""
    learned = (example.labels != IGNORED_LABEL).tolist()
    ids = example.input_ids.tolist()
    start = 0
    for end in range(1, len(ids) + 1):
        if end < len(ids) and learned[end] == learned[start]:
            continue
        part = tokenizer.decode(ids[start:end], skip_special_tokens=False)
        text += f"«{part}»" if learned[start] else part
        start = end
    if len(text) > _LONGEST:
        text = (
            f"{text[:_LONGEST]} … ({counted(len(text) - _LONGEST, 'character')} more)"
        )
    return text


class Told(vs.TrainerCallback):
    """Prints lines once training begins, that is once nothing was refused."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def on_train_begin(
        self, args: Any, state: Any, control: Any, **kwargs: Any
    ) -> None:
        """Print them."""
        self.tell()

    def tell(self) -> None:
        """Print them now."""
        print(visible("\n".join(self._lines)), flush=True)
