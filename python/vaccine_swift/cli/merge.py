"""``vaccine-swift merge``: an adapter folded into its model's weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from vaccine_swift.cli.model_options import (
    add_adapter_option,
    add_model_option,
    add_overwrite_option,
    add_thread_option,
    check_not_there,
    load_adapters,
    load_model,
)
from vaccine_swift.cli.places import check_directory_place
from vaccine_swift.cli.terminal import status, visible
from vaccine_swift.cli.written import check_output_dir

__all__ = ["add_parser", "run"]

_EPILOG: Final = """\
example:
  vaccine-swift merge --model smollm2 --adapter aligned --output-dir merged
  vaccine-swift generate --model merged --prompt 'Hello!'

--output-dir gets a Hugging Face directory: config.json, safetensors, the tokeniser.
"""


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "merge",
        usage="vaccine-swift merge --model MODEL --adapter DIR --output-dir DIR "
        "[OPTION ...]",
        help="fold an adapter into its model's weights",
        description="Write a model with an adapter added to its weights, for programs "
        "that know no adapters.",
        epilog=_EPILOG,
    )
    add_model_option(parser)
    add_adapter_option(parser, required=True)
    parser.add_argument(
        "--output-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the merged model goes",
    )
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=("float32", "bfloat16", "float16"),
        metavar="NAME",
        help="in which the weights are written: float32, bfloat16 or float16; they are "
        "merged in float32",
    )
    add_overwrite_option(parser, "the model that --output-dir holds")
    add_thread_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Merge and save.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    check_not_there(options, "config.json", "a model")
    check_output_dir(options)
    check_directory_place("--output-dir", options.output_dir)
    model, _ = load_model(options.model, options.threads)
    load_adapters(model, options.adapter)
    model.merge_adapter()
    with status("saving"):
        model.save_pretrained(options.output_dir, dtype=options.dtype)
    print(f"the merged model is in {visible(str(options.output_dir))}")
