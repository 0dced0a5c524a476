"""Files whose rows are not pairs: two sets, or a reference and windows in time."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np

from vaccine_swift import _core, drift
from vaccine_swift._plurals import plural
from vaccine_swift.cli.drift_files import (
    OF_MODELS,
    in_words_of_files,
    prepare,
    read_files,
    refuse,
)
from vaccine_swift.cli.terminal import say
from vaccine_swift.drift.embedding_file import EmbeddingFile
from vaccine_swift.drift.two_sample_content import listed

__all__ = ["names_of_windows", "two_files", "windows_of_files"]

_PAIRED_ONLY: Final = (
    *OF_MODELS,
    "tier",
    "confidence",
    "ids",
    "group",
    "paired",
    "sort",
    "memory",
    "floor",
    "baseline",
    "bound",
)


def two_files(options: argparse.Namespace) -> drift.TwoSampleReport:
    """A report of two files' rows that are not pairs.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    refuse(options, "files that are not paired", _PAIRED_ONLY)
    prepare(options)
    first, second = _read_unpaired(options)
    if first.ids is not None and np.array_equal(first.ids, np.asarray(second.ids)):
        say(
            "note: both files have the same ids: without --unpaired, their rows are "
            "compared as pairs, which shows far smaller changes"
        )
    labels: dict[str, object] = {}
    if options.group_by is not None:
        for index, path in enumerate(options.files):
            labels[f"segments[{index}]"] = f"{path}: --group-by {options.group_by}"
    with in_words_of_files({"x": options.files[0], "y": options.files[1], **labels}):
        report = drift.two_sample(
            first.values,
            second.values,
            segments=(first.labels, second.labels) if labels else None,
            ids=second.ids,
            permutations=options.permutations,
            seed=options.seed,
            metadata={
                "reference": options.files[0].name,
                "current": options.files[1].name,
            },
            progress=True,
            **_given(options),
        )
    _core.check_mapped()
    return report


def names_of_windows(options: argparse.Namespace) -> list[str]:
    """What the files after the reference call their windows.

    Raises
    ------
    ValueError
        When two have one name.
    """
    names = [each.name if each.is_dir() else each.stem for each in options.files[1:]]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(
            "files of windows must have names of their own, which name the windows, "
            f"got {twice[0]!r} twice"
        )
    return names


def windows_of_files(options: argparse.Namespace) -> drift.Windows:
    """The first file as the reference, each other one as a window of its name.

    Where ``--state`` has windows already, these come first; those of the files that
    it has tested with the same rows stay as they were tested.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    refuse(options, "windows", (*_PAIRED_ONLY, "unpaired"))
    prepare(options, most=None)
    names = names_of_windows(options)
    reference, *files = _read_unpaired(options)
    with _of_window(options, options.files[0], "reference"):
        windows = drift.Windows(
            reference.values,
            segments=reference.labels,
            permutations=options.permutations,
            seed=options.seed,
            metadata={"reference": options.files[0].name},
            **_given(options),
        )
    for path, name, file in zip(options.files[1:], names, files, strict=True):
        with _of_window(options, path, "x"):
            windows.add(name, file.values, segments=file.labels)
    _core.check_mapped()
    if options.state is None or not options.state.exists():
        return windows
    known = drift.Windows.load(options.state)
    again = [name for name in names if name in set(known.names) - set(known.waiting)]
    try:
        both: drift.Windows = known.merge(windows)
    except ValueError as error:
        raise ValueError(
            f"{options.state} does not go with it: {error}; other is what "
            f"{' and '.join(map(str, options.files))} make with these options"
        ) from None
    if again:
        say(
            f"note: {listed(again)} {plural(len(again), 'was', 'were')} tested before, "
            f"with the same rows: {options.state} keeps what was found"
        )
    return both


def _of_window(
    options: argparse.Namespace, path: Path, argument: str
) -> AbstractContextManager[None]:
    labels = f"{path}: --group-by {options.group_by}"
    return in_words_of_files({argument: path, "segments": labels})


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
    files = read_files(options, labels=options.group_by)
    for path, file in zip(options.files, files, strict=True):
        if file.values.ndim != 2:
            way = "choose a layer by --column" if file.columns else "give one layer"
            raise ValueError(
                f"{path} must be [N, d] where rows are not paired, got shape "
                f"{list(file.values.shape)}: {way}"
            )
    return files
