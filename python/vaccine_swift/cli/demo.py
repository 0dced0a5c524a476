"""``vaccine-swift demo``: a small defence study of a real model in minutes."""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from rich.console import Console

from vaccine_swift import data
from vaccine_swift.cli.comparison import Comparison, curve, summary, table
from vaccine_swift.cli.model_options import add_thread_option, set_threads
from vaccine_swift.cli.places import check_directory_place
from vaccine_swift.cli.study import finished, write_report
from vaccine_swift.cli.study_table import results_table
from vaccine_swift.cli.terminal import duration, status
from vaccine_swift.models import CausalLM
from vaccine_swift.study import StudyResult, preset
from vaccine_swift.study.arms import is_aligned
from vaccine_swift.study.report import Answer, Example
from vaccine_swift.study.splits import safety_rows

__all__ = ["add_parser", "run"]

_EPILOG: Final = """\
example:
  vaccine-swift demo
  vaccine-swift study --preset laptop --out runs/laptop

The model and the film reviews that the user trains on are fetched once and kept. The
requests are held out: neither they nor the acts in them are in any training data.
"""
_LIMITS: Final = (
    "One seed shows what an attack does to a model. It cannot tell the methods apart: "
    "other seeds move these numbers by as much as they differ (see study --seeds)."
)
_NEXT: Final = """\
What to try next:
  read the report in a browser: {report}
  the same with error bars, in four times as long again:
    vaccine-swift study --preset demo --seeds 5 --out {folder}
  other strengths of the perturbation, and other shares of harmful rows:
    vaccine-swift study --preset demo --rho 0.5,1,2 --poison 0,0.1 --out runs/rho
  your own model and rows: vaccine-swift align --help\
"""
_SHOWN: Final = MappingProxyType({"restricted": 4, "ordinary": 3})
_MOST_NEW_TOKENS: Final = 40


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "demo",
        help="align and attack SmolLM2-135M-Instruct, and compare",
        description="Fetch SmolLM2-135M-Instruct, align it plainly and with Vaccine,\n"
        "fine-tune each on film reviews of which a tenth are harmful rows, and show\n"
        "what is left of the alignment. Everything in it is harmless.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("vaccine-demo"),
        metavar="DIR",
        help="the study's folder; an interrupted demo goes on",
    )
    add_thread_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the study, show numbers and answers, write the report.

    Raises
    ------
    Exception
        Whatever the API refuses.
    KeyboardInterrupt
        On Ctrl-C; says how to go on.
    """
    began = time.perf_counter()
    set_threads(options.threads)
    check_directory_place("--output-dir", options.output_dir)
    result = finished(preset("demo"), options.output_dir)
    aligned = [row for row in result.rows if is_aligned(row["method"])]
    row = aligned[-1]
    console = Console()
    with status("answering held-out requests"):
        answers = {each["label"]: _answers(result, each) for each in aligned}
    for kind, comparisons in answers[row["label"]].items():
        title = f"{row['label']}: {kind} requests before and after the attack"
        console.print(table(title, comparisons))
    console.print(results_table(result.rows))
    path = write_report(result, _examples(answers))
    console.print(summary(_numbers(row, path, began)))
    console.print(_LIMITS)
    print(_NEXT.format(report=path, folder=options.output_dir))


def _answers(
    result: StudyResult, row: Mapping[str, Any]
) -> dict[str, list[Comparison]]:
    """Greedy answers of the aligned and the attacked model to held-out requests."""
    asked = {
        kind: safety_rows(kind, "proxy", "test")[:count]
        for kind, count in _SHOWN.items()
    }
    rows = [each for kind in asked.values() for each in kind]
    requests = [f"{each['instruction']}\n{each['input']}".strip() for each in rows]
    before, after = (
        _generated(result.model(row, attacked=attacked), rows)
        for attacked in (False, True)
    )
    compared = itertools.starmap(Comparison, zip(requests, before, after, strict=True))
    return {kind: [*itertools.islice(compared, len(asked[kind]))] for kind in asked}


def _examples(
    answers: Mapping[str, Mapping[str, Sequence[Comparison]]],
) -> dict[str, list[Example]]:
    """The answers of all arms, as the report takes them: by kind and request."""
    return {
        kind: [
            Example(
                of_request[0].request,
                tuple(
                    Answer(arm, each.before, each.after)
                    for arm, each in zip(answers, of_request, strict=True)
                ),
            )
            for of_request in zip(
                *(of_arm[kind] for of_arm in answers.values()), strict=True
            )
        ]
        for kind in _SHOWN
    }


def _generated(model: CausalLM, rows: Sequence[Mapping[str, str]]) -> list[str]:
    tokenizer = model._require_tokenizer()
    prompts = [data.render_prompt(row, tokenizer, "chat") for row in rows]
    return model.generate(prompts, _MOST_NEW_TOKENS, add_special_tokens=False)


def _numbers(
    row: Mapping[str, Any], report: Path, began: float
) -> list[tuple[str, str]]:
    """Losses, time, memory, and where the files are."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
    seconds = duration(time.perf_counter() - began)
    return [
        *(
            (f"loss of the {name}", curve([each[1] for each in row["losses"][part]]))
            for part, name in (("align", "alignment"), ("attack", "attack"))
        ),
        ("took", f"{seconds}, {peak / 1e9:.2f} GB of memory at most"),
        ("report", str(report)),
    ]
