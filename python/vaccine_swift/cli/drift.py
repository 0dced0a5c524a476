"""``vaccine-swift drift``: how far embeddings have moved, from files or models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final, TypeVar

from vaccine_swift import _core, drift
from vaccine_swift.cli.drift_conditions import check_conditions
from vaccine_swift.cli.drift_models import compared_models
from vaccine_swift.cli.drift_options import add_options
from vaccine_swift.cli.drift_pairs import compared_files
from vaccine_swift.cli.drift_summary import (
    summary,
    two_sample_summary,
    windows_summary,
)
from vaccine_swift.cli.drift_unpaired import (
    names_of_windows,
    two_files,
    windows_of_files,
)
from vaccine_swift.cli.places import check_file_place
from vaccine_swift.cli.terminal import say, shown
from vaccine_swift.cli.written import check_written

__all__ = ["add_parser", "run"]

_WRITTEN: Final = ("state", "json", "html", "junit")
_Report = TypeVar("_Report", drift.TwoSampleReport, drift.WindowsReport)


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    add_options(commands).set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, print, write, judge.

    Raises
    ------
    DriftExceeded
        When a condition does not hold; everything is written by then.
    Exception
        Whatever the API refuses.
    """
    _check_written(options)
    if options.bound is not None and not options.conditions:
        raise ValueError("--bound needs --assert: it says what a condition looks at")
    baseline = None
    if options.baseline is not None:
        baseline = drift.Report.load(options.baseline)
        if options.html is None:
            raise ValueError("--baseline needs --html: it is drawn on the page")
    from_models = options.reference is not None or options.current is not None
    if from_models == bool(options.files):
        raise ValueError(
            "give either two files, or --reference and --current with --data"
        )
    if options.state is not None and not options.windows:
        raise ValueError("--state needs --windows: only windows have a state to keep")
    check_conditions(options)
    if options.windows and not from_models:
        _report_windows(options)
        return
    if options.unpaired and not from_models:
        sets = two_files(options)
        _tell(options, sets, two_sample_summary)
        if options.conditions:
            sets.assert_that(*options.conditions)
        return
    if options.junit is not None and not options.conditions:
        raise ValueError("--junit needs a condition here: give --assert")
    measured = compared_models(options) if from_models else compared_files(options)
    if isinstance(measured, drift.PairedRows):
        report = measured.report(confidence=options.confidence, progress=True)
        _core.check_mapped()
    else:
        report = measured.report(
            tests=_tests(options.tests),
            permutations=999 if options.permutations is None else options.permutations,
            confidence=options.confidence,
            floor=_floor(options.floor),
            progress=True,
        )
    print(shown(summary(report)), flush=True)
    if options.json is not None:
        report.to_json(options.json)
    if options.html is not None:
        report.to_html(options.html, baseline=baseline)
    if options.junit is not None:
        conditions = options.conditions
        report.to_junit(options.junit, conditions=conditions, bound=options.bound)
    if options.conditions:
        report.assert_that(*options.conditions, bound=options.bound)


def _check_written(options: argparse.Namespace) -> None:
    members = [each.partition("=")[2] for each in options.group or ()]
    read = [("the embeddings", each) for each in options.files]
    read += [("--group", each) for each in members]
    for name in ("reference", "current", "data", "ids", "baseline"):
        read.append((f"--{name}", getattr(options, name)))
    written = {f"--{name}": getattr(options, name) for name in _WRITTEN}
    check_written(written, read)
    for option, path in written.items():
        check_file_place(option, path)


def _report_windows(options: argparse.Namespace) -> None:
    windows = windows_of_files(options)
    waiting = windows.waiting
    last = max(names_of_windows(options), key=windows.names.index)
    report = windows.report(until=last, progress=True)
    failed = None
    try:
        if options.conditions:
            report.assert_that(*options.conditions)
    except drift.DriftExceeded as error:
        failed = error
    if options.state is not None and waiting:
        windows.save(options.state)
    if last != windows.names[-1]:
        say(
            f"note: the report is that of {last}, {options.state} goes on to "
            f"{windows.names[-1]}"
        )
    _tell(options, report, windows_summary)
    if failed is not None:
        raise failed


def _tell(
    options: argparse.Namespace, report: _Report, summary: Callable[[_Report], str]
) -> None:
    print(shown(summary(report)), flush=True)
    if options.json is not None:
        report.to_json(options.json)
    if options.html is not None:
        report.to_html(options.html)
    if options.junit is not None:
        report.to_junit(options.junit, conditions=options.conditions or ())


def _tests(names: str | None) -> list[str] | None:
    if names is None:
        return None
    return [] if names == "none" else [each.strip() for each in names.split(",")]


def _floor(text: str | None) -> str | float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
