"""argparse with one-line errors, the nearest option suggested, readable help."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from vaccine_swift._arguments import nearest
from vaccine_swift.training._spellings import ONLY, default_of

__all__ = ["Parser"]

_ARGUMENTS: Final = {
    "r": "lora_r",
    "eval_dataset": "eval_data",
    "groups": "group_by",
    "path_or_rows": "data",
    "prompts": "prompt",
    "resume_from_checkpoint": "resume",
    "train_dataset": "data",
}
"""Arguments of the API whose options have another name."""

_SYNONYMS: Final[Mapping[str, Sequence[str]]] = {
    "--alpha": ("--lora-alpha",),
    "--batch-size": ("--per-device-train-batch-size",),
    "--bf16": ("--dtype bfloat16",),
    "--dropout": ("--lora-dropout",),
    "--epochs": ("--num-train-epochs",),
    "--eval-file": ("--eval-data",),
    "--evaluation-strategy": ("--eval-strategy",),
    "--grad-accum": ("--gradient-accumulation-steps",),
    "--lora": ("--adapter",),
    "--lora-rank": ("--lora-r",),
    "--lr": ("--learning-rate",),
    "--max-tokens": ("--max-new-tokens",),
    "--num-threads": ("--threads",),
    "--out": ("--output-dir",),
    "--output": ("--output-dir", "--out"),
    "--output-dir": ("--out",),
    "--peft": ("--adapter",),
    "--per-gpu-eval-batch-size": ("--per-device-eval-batch-size",),
    "--per-gpu-train-batch-size": ("--per-device-train-batch-size",),
    "--max-seq-len": ("--max-length",),
    "--max-seq-length": ("--max-length",),
    "--precision": ("--dtype",),
    "--r": ("--lora-r",),
    "--rank": ("--lora-r",),
    "--resume-from-checkpoint": ("--resume",),
    "--seq-len": ("--max-length",),
    "--seq-length": ("--max-length",),
    "--scheduler": ("--lr-scheduler-type",),
    "--steps": ("--max-steps",),
    "--train-file": ("--data",),
    "--warmup": ("--warmup-steps",),
    "--warmup-ratio": ("--warmup-steps",),
    "--wd": ("--weight-decay",),
}
"""What other programs call an option, with ours, of which a command may have one."""

_COMMANDS: Final = {
    "attack": "study",
    "compare": "drift",
    "eval": "evaluate",
    "fine-tune": "align --method sft",
    "finetune": "align --method sft",
    "infer": "generate",
    "predict": "generate",
    "score": "evaluate",
    "sft": "align --method sft",
    "sweep": "study",
    "train": "align",
    "vaccine": "align",
}
"""What other programs, or people, call a command, with ours."""


class _HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Keeps the lines of description and example; names the defaults there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, ``vaccine-swift COMMAND: error: …``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_HelpFormatter, allow_abbrev=False, **settings)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does, but an unknown option is the first thing to complain of."""
        words = sys.argv[1:] if args is None else list(args)
        if self._subparsers is None:
            for word in words:
                if word.startswith("--") and word != "--":
                    self._check_option(word.partition("=")[0])
        return super().parse_known_args(words, namespace)

    def in_options(self, text: str) -> str:
        """A message of the API with its arguments as the options that set them."""
        options = {
            action.dest: _spelling(action.option_strings)
            for action in self._actions
            if action.option_strings
        }
        for argument, dest in _ARGUMENTS.items():
            if dest in options:
                options[argument] = options[dest]
        if "keep_unsafe" in options:
            text = text.replace("safe=None", options["keep_unsafe"])
        names = "|".join(sorted(map(re.escape, options), key=len, reverse=True))
        text = text.replace(" or None, got", ", got")
        text = re.sub(
            rf"(?<![\w.-])({names})=('[^']*'|[^\s,;.]+)?",
            lambda found: " ".join(
                filter(None, (options[found[1]], (found[2] or "").strip("'")))
            ),
            text,
        )
        spelt = rf"(?<![\w./-])(?:({names})(?= must)|(\w+_\w+))(?![\w./-])"
        return re.sub(
            spelt, lambda found: options.get(found[1] or found[2], found[0]), text
        )

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with status 2."""
        command = re.search(r"argument COMMAND: invalid choice: '([^']*)'", message)
        if command is not None:
            message += self._command_meant(command[1])
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")

    def _command_meant(self, word: str) -> str:
        """The suggestion that ends the error about a command that is not there."""
        if word in _COMMANDS:
            return f". Did you mean {_COMMANDS[word]!r}?"
        known = [name for each in self._actions for name in each.choices or ()]
        hint = nearest(word, known)
        return f".{hint}" if hint else ""

    def _check_option(self, option: str) -> None:
        known = self._option_string_actions
        if option in known:
            return
        dashed = option.replace("_", "-")
        for other in (dashed, *_SYNONYMS.get(dashed, ())):
            if other.split()[0] in known:
                self.error(f"unknown option {option}. Did you mean {other!r}?")
        name = option.removeprefix("--").replace("-", "_")
        if "--learning-rate" in known and default_of(name) is not ...:
            reason = ONLY[name][1] if name in ONLY else "it would change nothing here"
            self.error(f"unknown option {option}: {reason}; leave it out")
        self.error(f"unknown option {option}.{nearest(option, known)}")


def _spelling(spellings: Sequence[str]) -> str:
    """The option of an action that is meant by its name: not -h, not --no-…."""
    return next((each for each in spellings if each.startswith("--")), spellings[0])
