"""What a command trains on: its rows as examples, and what it says of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import vaccine_swift as vs
from vaccine_swift.batches import IGNORED_LABEL
from vaccine_swift.cli.model_options import template_of
from vaccine_swift.cli.terminal import visible

__all__ = ["Told", "TrainingData", "add_row_options", "load_rows"]

_LONGEST: Final = 1200
"""Characters of the example that is shown."""


class TrainingData(NamedTuple):
    """Examples of all sources, and lines about them."""

    examples: list[vs.Example]
    lines: list[str]


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


def load_rows(
    options: argparse.Namespace, tokenizer: vs.Tokenizer, sources: Sequence[Any]
) -> TrainingData:
    """The examples of all sources, each in a row format of its own.

    Raises
    ------
    Exception
        As `vaccine_swift.data.load`.
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
    if examples:
        lines.append("an example as the model reads it, between « » what it learns:")
        lines.append(_shown(examples[0], tokenizer))
    return TrainingData(examples, lines)


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
        text = f"{text[:_LONGEST]} … ({len(text) - _LONGEST} characters more)"
    return text


class Told(vs.TrainerCallback):
    """Prints lines once training begins, that is once nothing was refused."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def on_train_begin(
        self, args: Any, state: Any, control: Any, **kwargs: Any
    ) -> None:
        """Print them."""
        print(visible("\n".join(self._lines)), flush=True)
