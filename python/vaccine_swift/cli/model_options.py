"""Options that every command shares: which model, how many threads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import vaccine_swift as vs
from vaccine_swift._arguments import check_range
from vaccine_swift.assets import cache_directory, fetch_smollm2
from vaccine_swift.cli.terminal import status

__all__ = ["add_dtype_option", "add_model_options", "add_thread_option"]
__all__ += ["load_model", "template_of"]

SMOLLM2: Final = "smollm2"
TEMPLATE_HELP: Final = (
    "how a request is put into words: alpaca (the Vaccine authors'), alpaca-newline or "
    "chat (the model's own); chat if the model has a chat template, else alpaca"
)


def add_model_options(group: argparse._ArgumentGroup) -> None:
    """``--model`` and ``--template``."""
    group.add_argument(
        "--model",
        required=True,
        help="a Hugging Face directory, a .gguf file, or 'smollm2' for "
        "SmolLM2-135M-Instruct, which is fetched once (98 MB)",
    )
    group.add_argument("--template", metavar="NAME", help=TEMPLATE_HELP)


def add_thread_option(group: argparse._ArgumentGroup) -> None:
    """``--threads``."""
    group.add_argument(
        "--threads", type=int, metavar="N", help="processors to use; all if left out"
    )


def add_dtype_option(group: argparse._ArgumentGroup) -> None:
    """``--dtype``."""
    group.add_argument(
        "--dtype",
        default="auto",
        metavar="NAME",
        help="how frozen weights are held: float32, bfloat16, or auto for the fastest "
        "that the processor has",
    )


def load_model(
    name: str, threads: int | None, dtype: str = "float32"
) -> tuple[vs.CausalLM, vs.Tokenizer]:
    """Load the model that ``--model`` names and its tokeniser.

    Raises
    ------
    OSError, ValueError, MemoryError
        As `fetch_smollm2` and `CausalLM.from_pretrained`; when `threads` is out of
        range, or the model has no tokeniser.
    """
    if threads is not None:
        check_range("threads", threads, minimum=1, maximum=1024, integer=True)
        vs.set_num_threads(threads)
    path = _fetched() if name == SMOLLM2 else Path(name)
    with status(f"loading {path.name}"):
        model = vs.CausalLM.from_pretrained(path, dtype)
    if model.tokenizer is None:
        raise ValueError(f"model must have a tokenizer, {name} has none")
    return model, model.tokenizer


def _fetched() -> Path:
    with status(f"SmolLM2-135M-Instruct is fetched once into {cache_directory()}"):
        return fetch_smollm2()


def template_of(tokenizer: vs.Tokenizer, name: str | None) -> str:
    """The template by name, or the one that fits the model."""
    if name is not None:
        return name
    return "alpaca" if tokenizer.chat_template is None else "chat"
