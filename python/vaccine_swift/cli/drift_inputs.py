"""What ``vaccine-swift drift`` compares: files of embeddings, or two models."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import vaccine_swift as vs
from vaccine_swift import _core, drift
from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.cli.drift_folders import compared_folders, has_folder
from vaccine_swift.cli.model_options import load_model, template_of
from vaccine_swift.cli.terminal import say
from vaccine_swift.drift.files import EmbeddingFile, read_embeddings
from vaccine_swift.files.text_files import read_lines

__all__ = ["compared_files", "compared_models", "two_files", "windows_of_files"]

_UNPAIRED: Final = "rows of different prompts are compared with --unpaired"
_MOST_LISTED: Final = 6
_PAIRED_ONLY: Final = (
    "data",
    "template",
    "ids",
    "group",
    "paired",
    "floor",
    "baseline",
    "bound",
)


def compared_files(
    options: argparse.Namespace,
) -> drift.Accumulator | drift.PairedRows:
    """An accumulator of two files' rows; where their widths differ, the rows.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    if has_folder(options.files):
        of_files = ("ids", "group", "paired")
        _refuse(options, "folders", ("data", "template", "level", *of_files))
        _prepare(options)
        return compared_folders(options)
    _refuse(options, "paired files", ("data", "group_by", "template", "level"))
    _prepare(options)
    first, second = _read(options)
    if first.values.shape[:-1] != second.values.shape[:-1]:
        raise ValueError(
            f"{options.files[1]} must have the shape of {options.files[0]}, "
            f"{list(first.values.shape)}, got {list(second.values.shape)}; {_UNPAIRED}"
        )
    ids = _ids(options, first.ids, second.ids, first.values.shape[-2])
    if first.values.shape[-1] != second.values.shape[-1]:
        return _of_two_widths(options, first, second, ids)
    layers = first.values.shape[0] if first.values.ndim == 3 else 1
    accumulator = drift.Accumulator(
        layers=layers,
        width=first.values.shape[-1],
        tier=options.tier,
        seed=options.seed,
        metadata={
            "reference": options.files[0].name,
            "current": options.files[1].name,
            "dtype": str(first.values.dtype),
        },
    )
    accumulator.update(
        first.values, second.values, ids=ids, groups=_groups(options.group or [], ids)
    )
    _core.check_mapped()
    return accumulator


def _of_two_widths(
    options: argparse.Namespace,
    first: EmbeddingFile,
    second: EmbeddingFile,
    ids: npt.NDArray[Any],
) -> drift.PairedRows:
    refused = ("tests", "permutations", "floor", "group", "baseline")
    _refuse(options, "files of different width", refused)
    if options.tier != "light":
        raise ValueError("--tier has no meaning for embeddings of different width")
    return drift.PairedRows(
        first.values,
        second.values,
        ids=ids,
        metadata={
            "reference": options.files[0].name,
            "current": options.files[1].name,
        },
    )


def two_files(options: argparse.Namespace) -> drift.TwoSampleReport:
    """A report of two files' rows that are not pairs.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    _refuse(options, "files that are not paired", _PAIRED_ONLY)
    _prepare(options)
    first, second = _read_unpaired(options)
    report = drift.two_sample(
        first.values,
        second.values,
        segments=None if options.group_by is None else (first.labels, second.labels),
        ids=second.ids,
        permutations=options.permutations,
        seed=options.seed,
        metadata={
            "reference": options.files[0].name,
            "current": options.files[1].name,
        },
        **_given(options),
    )
    _core.check_mapped()
    return report


def windows_of_files(options: argparse.Namespace) -> drift.Windows:
    """The first file as the reference, each other one as a window of its name.

    Where ``--state`` has windows already, these come first.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    _refuse(options, "windows", (*_PAIRED_ONLY, "unpaired"))
    _prepare(options, most=None)
    names = [path.stem for path in options.files[1:]]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(
            "files of windows must have names of their own, which name the windows, "
            f"got {twice[0]!r} twice"
        )
    reference, *files = _read_unpaired(options)
    windows = drift.Windows(
        reference.values,
        segments=reference.labels,
        permutations=options.permutations,
        seed=options.seed,
        metadata={"reference": options.files[0].name},
        **_given(options),
    )
    for name, file in zip(names, files, strict=True):
        windows.add(name, file.values, segments=file.labels)
    _core.check_mapped()
    if options.state is None or not options.state.exists():
        return windows
    known = drift.Windows.load(options.state)
    try:
        return known.merge(windows)
    except ValueError as error:
        raise ValueError(f"{options.state} does not go with it: {error}") from None


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Tests and level where they are given."""
    given: dict[str, Any] = {}
    if options.tests is not None:
        given["tests"] = options.tests.replace(" ", "").split(",")
    if options.level is not None:
        given["level"] = options.level
    return given


def _read_unpaired(options: argparse.Namespace) -> list[EmbeddingFile]:
    """All files, each of one layer."""
    files = _read(options, labels=options.group_by)
    for path, file in zip(options.files, files, strict=True):
        if file.values.ndim != 2:
            raise ValueError(
                f"{path} must be [N, d] where rows are not paired, got shape "
                f"{list(file.values.shape)}: choose a layer by --column"
            )
    return files


def compared_models(
    options: argparse.Namespace,
) -> drift.Accumulator | drift.PairedRows:
    """An accumulator of two models' states; where their widths differ, the rows.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    refused = ("ids", "group", "column", "paired", "unpaired", "windows")
    _refuse(options, "models", (*refused, "level"))
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
    dataset = vs.data.load(
        options.data,
        tokenizer,
        template=template_of(tokenizer, options.template),
        max_length=options.max_length,
        safe=None,
    )
    return drift.compare(
        reference,
        current,
        dataset,
        what=options.what,
        pool=options.pool,
        groups=options.group_by,
        tier=options.tier,
        batch_size=options.batch_size,
        metadata={"data": options.data.name},
        progress=sys.stderr.isatty(),
        **({"seed": options.seed} if options.seed else {}),
    )


def _refuse(options: argparse.Namespace, source: str, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(options, name):
            option = name.replace("_", "-")
            raise ValueError(f"--{option} has no meaning for embeddings from {source}")


def _prepare(options: argparse.Namespace, *, most: int | None = 2) -> None:
    count = len(options.files)
    if count < 2 or (most is not None and count > most):
        words = "two files" if most else "a reference and at least one window"
        raise ValueError(f"{words} must be given, got {count}")
    if options.threads is not None:
        check_range("threads", options.threads, minimum=1, maximum=1024, integer=True)
        vs.set_num_threads(options.threads)


def _read(
    options: argparse.Namespace, labels: str | None = None
) -> list[EmbeddingFile]:
    """All files; what is left out of them is told on standard error."""
    found = []
    for path in options.files:
        file = read_embeddings(path, column=options.column, labels=labels)
        if file.values.ndim not in (2, 3):
            raise ValueError(
                f"{path} must be [N, d] or [L, N, d], got shape {file.values.shape}"
            )
        if file.left_out:
            say(
                f"{path}: the embedding is {_listed(file.columns)}; left out: "
                f"{_listed(file.left_out)}"
            )
        found.append(file)
    first, *others = found
    for path, other in zip(options.files[1:], others, strict=True):
        if first.columns != other.columns:
            say(
                f"note: the embedding is {_listed(first.columns)} of "
                f"{options.files[0]} and {_listed(other.columns)} of {path}"
            )
    return found


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_LISTED:
        return f"{names[0]!r} to {names[-1]!r} ({len(names)} columns)"
    return ", ".join(map(repr, names))


def _ids(
    options: argparse.Namespace, first: Any, second: Any, count: int
) -> npt.NDArray[Any]:
    if options.ids is not None:
        if options.ids.suffix.lower() == ".npy":
            ids = np.load(options.ids, allow_pickle=False)
        else:
            ids = np.array(read_lines(options.ids))
        if ids.shape != (count,):
            raise ValueError(
                f"--ids must hold {count} ids, one per row, got shape {ids.shape}"
            )
        return ids
    if first is not None and second is not None:
        if not np.array_equal(first, second):
            raise ValueError(
                "the ids of the two files differ; rows must be in one order; "
                f"{_UNPAIRED}"
            )
        return first
    if not options.paired:
        raise ValueError(
            "nothing says that row i of both files is the same prompt, as ids in both "
            "or --ids would: give --paired if it is; " + _UNPAIRED
        )
    found = first if first is not None else second
    return np.arange(count) if found is None else found


def _groups(
    given: list[str], ids: npt.NDArray[Any]
) -> dict[str, npt.NDArray[np.bool_]] | None:
    texts = ids.astype(str)
    groups = {}
    for option in given:
        name, separator, path = option.partition("=")
        if not (name and separator and path):
            raise ValueError(f"--group must be NAME=FILE, got {option!r}")
        members = np.array(read_lines(Path(path)), dtype=str)
        unknown = np.setdiff1d(members, texts)
        if unknown.size:
            raise ValueError(
                f"--group {name}: '{unknown[0]}' is no id of a row."
                f"{nearest(str(unknown[0]), texts[:10_000].tolist())}"
            )
        groups[name] = np.isin(texts, members)
    return groups or None
