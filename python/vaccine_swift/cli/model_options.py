"""Options that every command shares: which model, how many threads."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import vaccine_swift as vs
from vaccine_swift._arguments import check_range, nearest
from vaccine_swift._plurals import counted
from vaccine_swift.assets import cache_directory, fetch_smollm2
from vaccine_swift.cli.terminal import status
from vaccine_swift.machine.processors import available_processors
from vaccine_swift.models.engine_choice import ENGINES

__all__ = [
    "add_adapter_option",
    "add_engine_options",
    "add_model_option",
    "add_model_options",
    "add_overwrite_option",
    "add_sampling_options",
    "add_thread_option",
    "check_not_there",
    "load_adapters",
    "load_model",
    "load_named_model",
    "set_threads",
    "template_of",
]

SMOLLM2: Final = "smollm2"
TEMPLATE_HELP: Final = (
    "how a request is put into words: alpaca (the Vaccine authors'), alpaca-newline or "
    "chat (the model's own); chat if the model has a chat template, else alpaca"
)


def add_model_options(group: argparse._ArgumentGroup) -> None:
    """``--model`` and ``--template``."""
    add_model_option(group)
    group.add_argument("--template", metavar="NAME", help=TEMPLATE_HELP)


def add_model_option(group: argparse._ActionsContainer) -> None:
    """``--model``."""
    group.add_argument(
        "--model",
        required=True,
        help="a Hugging Face directory, a .gguf file, or 'smollm2' for "
        "SmolLM2-135M-Instruct, which is fetched once (98 MB)",
    )


def add_adapter_option(
    group: argparse._ActionsContainer,
    *,
    required: bool = False,
    told: str = "PEFT files of a LoRA adapter; given again, of the one that was "
    "trained above those before it",
) -> None:
    """``--adapter``, any number of times."""
    group.add_argument(
        "--adapter",
        type=Path,
        action="append",
        default=[],
        required=required,
        metavar="DIR",
        help=told,
    )


def add_thread_option(group: argparse._ActionsContainer) -> None:
    """``--threads``."""
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="processors to use; all that the process may use if left out",
    )


def add_overwrite_option(group: argparse._ActionsContainer, what: str) -> None:
    """``--overwrite``, which `check_not_there` asks for."""
    group.add_argument("--overwrite", action="store_true", help=f"replace {what}")


def add_sampling_options(
    group: argparse._ActionsContainer, *, longest: int, bounded: bool = False
) -> None:
    """``--max-new-tokens``, ``--temperature``, ``--top-p`` and ``--seed``.

    `bounded`: where the option is not given it is None, and the API takes what the
    context leaves of `longest`.
    """
    rest = f" (default: {longest}, or what the context leaves)" if bounded else ""
    group.add_argument(
        "--max-new-tokens",
        type=int,
        default=None if bounded else longest,
        metavar="N",
        help=f"longest answer{rest}",
    )
    group.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="X",
        help="0 takes the most likely token, above 0 tokens are drawn",
    )
    group.add_argument(
        "--top-p",
        type=float,
        default=1.0,
        metavar="X",
        help="draw from the likeliest tokens that hold this much probability",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws")


def check_not_there(
    options: argparse.Namespace, file: str, what: str, *, otherwise: str = ""
) -> None:
    """Refuse to write over what ``--output-dir`` holds, unless told.

    Raises
    ------
    ValueError
        When `file` is there without ``--overwrite``.
    """
    if (options.output_dir / file).exists() and not options.overwrite:
        raise ValueError(
            f"{options.output_dir} holds {what} already: give --overwrite to replace "
            f"it{otherwise}, or another --output-dir"
        )


def set_threads(threads: int | None) -> None:
    """Do as ``--threads`` says.

    Raises
    ------
    ValueError
        When `threads` is out of range.
    """
    if threads is not None:
        check_range("threads", threads, minimum=1, maximum=1024, integer=True)
        if threads > (available := available_processors()):
            warnings.warn(
                f"--threads {threads} is more than the "
                f"{counted(available, 'processor')} that this process may use: it will "
                "be slower, not faster",
                stacklevel=2,
            )
        vs.set_num_threads(threads)


def add_engine_options(
    group: argparse._ActionsContainer, default: str = "float32"
) -> None:
    """``--engine``, ``--device`` and ``--dtype``."""
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default="swift",
        help="what computes: swift on the CPU, or torch through transformers, on GPUs "
        "too",
    )
    group.add_argument(
        "--device",
        metavar="NAME",
        help="of the torch engine: cpu, cuda, cuda:1, or auto for all GPUs there are, "
        "which it is if left out",
    )
    group.add_argument(
        "--dtype",
        default=default,
        metavar="NAME",
        help="how frozen weights are held: float32, bfloat16, gguf for the blocks of a "
        ".gguf file, or auto for the fastest that there is; torch has float16 too",
    )


def load_model(
    name: str,
    threads: int | None,
    dtype: str = "float32",
    engine: str = "swift",
    device: str | None = None,
) -> tuple[vs.CausalLM, vs.Tokenizer]:
    """Load the model that ``--model`` names and its tokeniser.

    Raises
    ------
    OSError, ValueError, MemoryError
        As `fetch_smollm2` and `CausalLM.from_pretrained`; when `threads` is out of
        range, or the model has no tokeniser.
    """
    set_threads(threads)
    path = _fetched() if name == SMOLLM2 else Path(name)
    if not path.exists() and (hint := nearest(name.lower(), [SMOLLM2])):
        raise FileNotFoundError(f"{name}: no such directory or .gguf file.{hint}")
    with status(f"loading {path.name}"):
        model = vs.CausalLM.from_pretrained(path, dtype, engine=engine, device=device)
    if model.tokenizer is None:
        raise ValueError(f"model must have a tokenizer, {name} has none")
    return model, model.tokenizer


def load_named_model(options: argparse.Namespace) -> tuple[vs.CausalLM, vs.Tokenizer]:
    """As `load_model`, by the options of `add_model_option` and `add_engine_options`.

    Raises
    ------
    OSError, ValueError, MemoryError
        As `load_model`.
    """
    return load_model(
        options.model, options.threads, options.dtype, options.engine, options.device
    )


def load_adapters(model: vs.CausalLM, directories: Sequence[Path]) -> None:
    """Load what ``--adapter`` names: all but the last stay as frozen ones.

    Raises
    ------
    OSError, ValueError, RuntimeError
        As `CausalLM.load_adapter` and `CausalLM.freeze_adapter`.
    """
    for number, directory in enumerate(directories):
        if number > 0:
            model.freeze_adapter()
        model.load_adapter(directory)


def _fetched() -> Path:
    with status(f"SmolLM2-135M-Instruct is fetched once into {cache_directory()}"):
        return fetch_smollm2()


def template_of(tokenizer: vs.Tokenizer, name: str | None) -> str:
    """The template by name, or the one that fits the model."""
    if name is not None:
        return name
    return "alpaca" if tokenizer.chat_template is None else "chat"
