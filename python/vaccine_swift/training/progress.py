"""What a person sees of a run: a progress bar, printed lines, ``log.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._progress_bar import ProgressBar
from vaccine_swift.files import append_line, write_text
from vaccine_swift.files.plain_json import json_text
from vaccine_swift.training.callbacks import TrainerCallback

if TYPE_CHECKING:
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.state import TrainerControl, TrainerState

__all__ = ["LOG_FILE", "JSONLinesCallback", "PrinterCallback", "ProgressCallback"]

LOG_FILE: Final = "log.jsonl"
_BAR: Final = "{n_fmt}/{total_fmt} |{bar}| {remaining} left{postfix}"


class ProgressCallback(TrainerCallback):
    """A bar of all steps with the last step's numbers and the time left."""

    def __init__(self) -> None:
        self._bar: ProgressBar | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Open the bar; a resumed run starts where it was left."""
        self._bar = ProgressBar(
            total=state.max_steps,
            initial=state.global_step,
            bar_format=_BAR,
        )

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Move the bar by a step."""
        if self._bar is not None:
            self._bar.set_postfix_str(_postfix(kwargs["metrics"]), refresh=False)
            self._bar.update()

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Write the evaluation's loss above the bar."""
        if self._bar is not None:
            told = (
                f"{name} {value:.4f}"
                for name, value in kwargs["metrics"].items()
                if name.endswith("_loss")
            )
            self._bar.write(f"step {state.global_step}: {', '.join(told)}")

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Leave the bar as it stands."""
        self.close()

    def close(self) -> None:
        """End the bar, also where training ended with an error."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class PrinterCallback(TrainerCallback):
    """Prints every log entry; takes the bar's place with ``disable_tqdm``."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Print the entry."""
        print({name: _short(value) for name, value in kwargs["logs"].items()})


class JSONLinesCallback(TrainerCallback):
    """Writes every log entry as a line of ``log.jsonl`` in `output_dir`."""

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Start the file with the entries up to here; none in a fresh run."""
        self._write(args, state)

    def _write(self, args: TrainingArguments, state: TrainerState) -> None:
        lines = map(json_text, state.log_history)
        write_text(Path(args.output_dir, LOG_FILE), "".join(f"{x}\n" for x in lines))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Add a line."""
        path = Path(args.output_dir, LOG_FILE)
        if path.exists():
            append_line(path, json_text(state.log_history[-1]))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(args, state)


def _postfix(metrics: Mapping[str, float]) -> str:
    parts = [f"loss {metrics['loss']:.3f}"]
    if "clean_loss" in metrics:
        parts.append(f"clean {metrics['clean_loss']:.3f}")
    parts.append(f"lr {metrics['learning_rate']:.1e}")
    parts.append(f"{metrics['tokens_per_second']:.0f} tokens/s")
    return ", ".join(parts)


def _short(value: float) -> float:
    return float(f"{value:.4g}") if isinstance(value, float) else value
