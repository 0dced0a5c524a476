"""``vaccine-swift repair``: a user's adapter, projected onto what alignment moved."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from vaccine_swift.cli.model_options import add_overwrite_option, check_not_there
from vaccine_swift.cli.places import check_directory_place
from vaccine_swift.cli.terminal import visible
from vaccine_swift.cli.written import check_written
from vaccine_swift.repair import PROJECTIONS, repair_adapter

__all__ = ["add_parser", "run"]

_EPILOG: Final = """\
example:
  vaccine-swift repair --adapter user --alignment aligned --output-dir repaired
  vaccine-swift evaluate --model smollm2 --adapter aligned --adapter repaired

Safe LoRA (arXiv:2405.16833). No data and no model is needed: where the user's update of
a linear map points away from the alignment's, its projection takes its place. Evaluate
before and after: it may cost accuracy on the user's task, and may not bring back what
the user's data undid.
"""


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "repair",
        usage="vaccine-swift repair --adapter DIR --alignment DIR --output-dir DIR "
        "[OPTION ...]",
        help="project a user's adapter onto what alignment moved",
        description="Take out of a fine-tuned adapter what leads away from the\n"
        "alignment below it.",
        epilog=_EPILOG,
    )
    for name, told in (
        ("--adapter", "PEFT files of the adapter that was trained on a user's data"),
        ("--alignment", "PEFT files of the adapter that aligned the model"),
        ("--output-dir", "where the repaired adapter goes"),
    ):
        parser.add_argument(name, type=Path, required=True, metavar="DIR", help=told)
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="X",
        help="project updates whose cosine with their projection is at most this; 1: "
        "all, -1: none",
    )
    parser.add_argument(
        "--projection",
        default="exact",
        choices=PROJECTIONS,
        help="exact: orthogonal onto the columns of the alignment's update; authors: "
        "their approximation, which scales as well",
    )
    add_overwrite_option(parser, "the adapter that --output-dir holds")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Repair and save.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    read = [(f"--{name}", getattr(options, name)) for name in ("adapter", "alignment")]
    check_written({"--output-dir": options.output_dir}, read)
    check_directory_place("--output-dir", options.output_dir)
    check_not_there(options, "adapter_config.json", "an adapter")
    report = repair_adapter(
        options.adapter,
        options.alignment,
        options.output_dir,
        threshold=options.threshold,
        projection=options.projection,
    )
    print(report)
    print(f"the repaired adapter is in {visible(str(options.output_dir))}")
