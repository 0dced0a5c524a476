"""Files whose rows are not pairs: two sets, or a reference and windows in time."""

from __future__ import annotations

import argparse
from typing import Any, Final

from vaccine_swift import _core, drift
from vaccine_swift.cli.drift_files import prepare, read_files, refuse
from vaccine_swift.drift.embedding_file import EmbeddingFile

__all__ = ["two_files", "windows_of_files"]

_PAIRED_ONLY: Final = (
    "data",
    "template",
    "ids",
    "group",
    "paired",
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
        progress=True,
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
    refuse(options, "windows", (*_PAIRED_ONLY, "unpaired"))
    prepare(options, most=None)
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
    files = read_files(options, labels=options.group_by)
    for path, file in zip(options.files, files, strict=True):
        if file.values.ndim != 2:
            raise ValueError(
                f"{path} must be [N, d] where rows are not paired, got shape "
                f"{list(file.values.shape)}: choose a layer by --column"
            )
    return files
