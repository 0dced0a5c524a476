"""The options of ``vaccine-swift drift``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from vaccine_swift.cli.model_options import add_engine_options, add_thread_option
from vaccine_swift.models.pooling import POOLS

__all__ = ["add_options"]

_EPILOG: Final = """\
examples:
  vaccine-swift drift before.npy after.npy --paired --html drift.html
  vaccine-swift drift a.npz b.npz --ids ids.txt --group harmful=harmful.txt
  vaccine-swift drift a.parquet b.parquet --column embedding --assert 'cosine>0.99'
  vaccine-swift drift a.parquet b.parquet --unpaired --group-by language
  vaccine-swift drift reference.parquet 2026-W48.parquet --windows --state weeks.npz
  vaccine-swift drift --reference smollm2 --current aligned --data probe.jsonl

exit status:
  0 done, 1 a condition of --assert does not hold, 2 bad input
"""


def add_options(commands: Any) -> argparse.ArgumentParser:
    """The command's parser, added to those of subcommands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "drift",
        usage="vaccine-swift drift (REFERENCE CURRENT | REFERENCE WINDOW ... --windows "
        "| --reference MODEL --current MODEL --data FILE) [OPTION ...]",
        help="measure embedding drift",
        description="Compare embeddings of the same rows before and after, or two "
        "models on the same prompts.",
        epilog=_EPILOG,
    )
    _add_files(parser.add_argument_group("embeddings from files"))
    _add_models(parser.add_argument_group("embeddings from models"))
    group = parser.add_argument_group("analysis")
    group.add_argument(
        "--group-by",
        metavar="COLUMN",
        help="column with the group of each prompt, of --data or the reference file; "
        "with --unpaired and --windows of each row, in every file",
    )
    group.add_argument(
        "--tier",
        choices=("light", "sketch", "full"),
        default="light",
        help="what is kept: sums, a projection, or second moments; metrics such as cka "
        "need one of the latter two",
    )
    group.add_argument(
        "--tests",
        metavar="NAMES",
        help="of signflip, max_t, contrast, with commas; 'none' for none; contrast "
        "compares two groups, or one with the rest; with --unpaired and --windows of "
        "mmd, ks, energy, classifier",
    )
    group.add_argument(
        "--level",
        type=float,
        metavar="X",
        help="with --unpaired of corrected p-values, with --windows the chance of any "
        "false alarm, ever; 0.05 if left out",
    )
    group.add_argument(
        "--permutations", type=int, metavar="B", help="of every test, 999 by default"
    )
    group.add_argument(
        "--confidence", type=float, default=0.95, metavar="X", help="of the intervals"
    )
    group.add_argument(
        "--floor",
        metavar="DTYPE|X",
        help="noise floor: float16, bfloat16 or a relative drift",
    )
    group.add_argument(
        "--memory",
        metavar="SIZE",
        help="of the rows of paired files that are held at a time, 256MB by default",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the tests")
    add_engine_options(group)
    add_thread_option(group)
    group = parser.add_argument_group("results")
    group.add_argument("--html", type=Path, metavar="FILE", help="write a page")
    group.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    group.add_argument(
        "--junit",
        type=Path,
        metavar="FILE",
        help="write the conditions of --assert as JUnit's XML; without any, with "
        "--unpaired or --windows a case for each segment",
    )
    group.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="a --json of a control, drawn on the page of --html too",
    )
    group.add_argument(
        "--assert",
        dest="conditions",
        action="append",
        metavar="CONDITION",
        help="such as relative_drift<0.05; may be given several times",
    )
    group.add_argument(
        "--bound",
        choices=("high", "low", "value"),
        help="which end of an interval --assert looks at; the stricter one if left out",
    )
    return parser


def _add_files(group: Any) -> None:
    group.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="npy, npz, safetensors, Parquet or a folder of it, Arrow, CSV, TSV or "
        "JSONL, rows in the same order: [N, d], or [L, N, d] with layers",
    )
    group.add_argument(
        "--paired",
        action="store_true",
        help="row i of both files is the same prompt; needed where neither ids in both "
        "files nor --ids say so",
    )
    group.add_argument(
        "--unpaired",
        action="store_true",
        help="rows are of different prompts: test whether the two sets differ, with "
        "--group-by in each segment",
    )
    group.add_argument(
        "--windows",
        action="store_true",
        help="the first file is a reference, each other one a window in time that is "
        "called as its file: test one after the other, with alarms over time",
    )
    group.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="with --windows: go on from there if there is such a file, and keep there "
        "what the next windows need",
    )
    group.add_argument(
        "--column",
        action="append",
        metavar="NAME",
        help="the column or array that is the embedding, or a pattern such as 'x*'; "
        "several are layers or dimensions; by default the only one that can be",
    )
    group.add_argument(
        "--ids",
        type=Path,
        metavar="FILE",
        help="the prompt of each row: text with one id per line, or npy; without "
        "it the column id or ids of the files, else each row is a prompt of its own",
    )
    group.add_argument(
        "--id-column",
        metavar="NAME",
        help="the column with the prompt of each row, of both files or of --data, "
        "where it is not called id or ids",
    )
    group.add_argument(
        "--sort",
        action="store_true",
        help="rows of both files are in different orders: read and sort them "
        "whole, by their ids",
    )
    group.add_argument(
        "--group",
        action="append",
        metavar="NAME=FILE",
        help="a text file with the ids of a group; may be given several times",
    )


def _add_models(group: Any) -> None:
    group.add_argument(
        "--reference",
        metavar="MODEL",
        help="a Hugging Face directory, a .gguf file, or smollm2",
    )
    group.add_argument(
        "--current",
        metavar="MODEL",
        help="the same, or a directory with an adapter for the reference",
    )
    group.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="JSON, JSONL, CSV or Parquet with the prompts, with answers or without; a "
        "column id names them",
    )
    group.add_argument(
        "--what",
        choices=("attention", "residual", "mlp"),
        default="attention",
        help="outputs of attention, the residual stream, or outputs of the MLP",
    )
    group.add_argument(
        "--pool",
        choices=POOLS,
        default="tokens",
        help="rows: every token, the last or the mean of a prompt, supervised tokens",
    )
    group.add_argument("--template", metavar="NAME", help="as of 'align'")
    group.add_argument(
        "--max-length", type=int, default=200, metavar="N", help="tokens of a prompt"
    )
    group.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="prompts at a time"
    )
