"""``vaccine-swift study``: how alignments hold when users fine-tune."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from vaccine_swift.cli.model_options import add_thread_option, set_threads
from vaccine_swift.cli.places import check_directory_place
from vaccine_swift.cli.study_options import add_study_options, study_config
from vaccine_swift.cli.study_status import status_table
from vaccine_swift.cli.study_table import results_table
from vaccine_swift.cli.terminal import shown, status
from vaccine_swift.study import StudyConfig, StudyResult, forecast, study_status
from vaccine_swift.study import run as run_study
from vaccine_swift.study.report import Example

__all__ = ["add_parser", "finished", "run", "write_report"]

_EPILOG: Final = """\
example:
  vaccine-swift study --preset smoke --out runs/smoke
  vaccine-swift study --methods none,sft,vaccine --poison 0,0.1 --seeds 3 --out runs/x
  vaccine-swift study --methods sft,vaccine --rho 0.1,1,10 --poison 0.1 --out runs/rho
  vaccine-swift study --sweep align-steps=30,60,120 --poison 0.1 --out runs/steps

OUT gets results.jsonl (a row for each cell and seed), report.html, summary.csv and
differences.csv, and pictures where matplotlib is installed. After an interruption the
same command goes on; with more values it adds to what there is. With --share it may
run many times at once, as a job array does; --status DIR tells of all of them.
"""


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "study",
        usage="vaccine-swift study --out DIR [--dry-run] [--preset NAME] [OPTION ...]\n"
        "       vaccine-swift study --status DIR",
        help="attack aligned models and compare how they hold",
        description="Align a model in several ways, fine-tune each on a user's task\n"
        "with a share of harmful rows, and measure what is left of the alignment.",
        epilog=_EPILOG,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="DIR", help="the study's folder")
    where.add_argument(
        "--status",
        type=Path,
        metavar="DIR",
        help="say how the study in DIR stands and who works on it, and do nothing",
    )
    parser.add_argument(
        "--share",
        action="store_true",
        help="let the same command work on the same folder elsewhere at the same time, "
        "on any machine that sees it: each takes stages that are free",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say how much there is to do and how long it will take, and stop",
    )
    add_thread_option(parser)
    add_study_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the study, print its table, write its report; or say how one stands.

    Raises
    ------
    Exception
        Whatever the API refuses.
    KeyboardInterrupt
        On Ctrl-C; says how to go on.
    """
    if options.status:
        Console().print(status_table(study_status(options.status)))
        return
    set_threads(options.threads)
    check_directory_place("--out", options.out)
    if options.dry_run:
        with status("timing a step of training"):
            told = forecast(study_config(options), options.out)
        print(told)
        return
    result = finished(study_config(options), options.out, share=options.share)
    Console().print(results_table(result.rows))
    print(shown(f"report: {write_report(result)}"))


def finished(config: StudyConfig, out: Path, *, share: bool = False) -> StudyResult:
    """The study, run with a bar and lines on standard error.

    Raises
    ------
    Exception
        As `vaccine_swift.study.run`.
    KeyboardInterrupt
        On Ctrl-C; says how to go on.
    """
    try:
        return run_study(config, out, share=share)
    except KeyboardInterrupt as interrupt:
        kept = (
            f"finished stages are in {out}" if out.is_dir() else "nothing is kept yet"
        )
        raise type(interrupt)(f"{kept}, the same command goes on") from None


def write_report(
    result: StudyResult, examples: Mapping[str, Iterable[Example]] | None = None
) -> Path:
    """The page, the tables, and the pictures where matplotlib is installed."""
    path = result.to_html(examples=examples)
    result.to_csv()
    with contextlib.suppress(ImportError):
        result.to_figures()
    return path
