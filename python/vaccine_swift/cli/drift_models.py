"""Two models that ``vaccine-swift drift`` compares on the same prompts."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.cli.drift_files import refuse
from vaccine_swift.cli.model_options import load_model, template_of
from vaccine_swift.data.formats import matching_formats
from vaccine_swift.data.rows import read_rows

__all__ = ["compared_models"]


def compared_models(
    options: argparse.Namespace,
) -> drift.Accumulator | drift.PairedRows:
    """An accumulator of two models' states; where their widths differ, the rows.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    refused = (
        "ids",
        "group",
        "column",
        "paired",
        "sort",
        "unpaired",
        "windows",
        "memory",
    )
    refuse(options, "models", (*refused, "level"))
    for name in ("reference", "current", "data"):
        if getattr(options, name) is None:
            raise ValueError(f"--{name} must be given to compare models")
    engine = options.dtype, options.engine, options.device
    reference, tokenizer = load_model(options.reference, options.threads, *engine)
    if (Path(options.current) / "adapter_config.json").is_file():
        current, _ = load_model(options.reference, None, *engine)
        current.load_adapter(options.current)
    else:
        current, _ = load_model(options.current, None, *engine)
    dataset = _data_set(options, tokenizer)
    with _in_words_of_options(options):
        return drift.compare(
            reference,
            current,
            dataset,
            what=options.what,
            pool=options.pool,
            ids=options.id_column,
            groups=options.group_by,
            tier=options.tier,
            batch_size=options.batch_size,
            metadata={"data": options.data.name},
            progress=sys.stderr.isatty(),
            **({"seed": options.seed} if options.seed else {}),
        )


def _data_set(options: argparse.Namespace, tokenizer: vs.Tokenizer) -> vs.data.Dataset:
    """Requests with their answers; those alone where no row has a format's answer."""
    settings: dict[str, Any] = {
        "template": template_of(tokenizer, options.template),
        "max_length": options.max_length,
    }
    if not any(map(matching_formats, read_rows(options.data))):
        return vs.data.load_prompts(options.data, tokenizer, **settings)
    return vs.data.load(options.data, tokenizer, safe=None, **settings)


@contextmanager
def _in_words_of_options(options: argparse.Namespace) -> Iterator[None]:
    """What the API refuses in ids, with where they come from."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error).replace(
            f"ids={options.id_column!r}", f"id_column={options.id_column}"
        )
        column = f"{options.data}: column {options.id_column or 'id'!r}"
        text = re.sub(r"^ids\[(\d+)\]", lambda at: f"{column}, row {at[1]},", text)
        text = re.sub(r"^ids(?= must)", lambda _: column, text)
        raise type(error)(text) from None
