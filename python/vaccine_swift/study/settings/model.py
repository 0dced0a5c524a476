"""The model of a study, and the adapters on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.hub import hub_hint
from vaccine_swift.data import TEMPLATES
from vaccine_swift.models.engine_choice import ENGINES
from vaccine_swift.study.checks import COUNT, Choice, Number, Rule
from vaccine_swift.study.setting import STAGES, TRAINED, setting

__all__ = ["SMOLLM2", "ModelSettings"]

SMOLLM2: Final = "smollm2"

_setting = partial(setting, group="model")


def _check_model(name: str, value: Any, faults: list[str]) -> None:
    if value != SMOLLM2 and not Path(value).exists():
        faults.append(
            f"{name} must be {SMOLLM2!r}, a directory or a .gguf file that exists, "
            f"got {value!r}{hub_hint(Path(value))}.{nearest(value, [SMOLLM2])}"
        )


def _check_device(name: str, value: Any, faults: list[str]) -> None:
    if not (isinstance(value, str) and value):
        faults.append(f"{name} must be a device's name, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The model, and the adapters on it. Documented in `StudyConfig`."""

    model: str = _setting(
        SMOLLM2,
        Rule(_check_model),
        help="a Hugging Face directory, a .gguf file, or 'smollm2' for "
        "SmolLM2-135M-Instruct, which is fetched once (98 MB)",
        through=STAGES,
        sweepable=False,
    )
    dtype: Literal["auto", "float32", "bfloat16", "gguf"] = _setting(
        "auto",
        Choice(("auto", "float32", "bfloat16", "gguf")),
        help="precision of the weights; auto is the fastest there is, gguf keeps the "
        "blocks of a .gguf file",
        through=STAGES,
    )
    engine: Literal["swift", "torch"] = _setting(
        "swift",
        Choice(ENGINES),
        help="what computes: torch runs transformers models, on GPUs too",
        through=STAGES,
        former="swift",
    )
    device: str | None = _setting(
        None,
        Rule(_check_device),
        help="of the torch engine: cpu, cuda, cuda:1, or auto for all GPUs there are, "
        "which it is if left out",
        through=STAGES,
        former=None,
    )
    template: str = _setting(
        "chat",
        Choice(tuple(TEMPLATES)),
        help="how a request is put into words: chat is the model's own, alpaca the "
        "authors'",
        key=STAGES,
    )
    lora: Literal["double", "single"] = _setting(
        "double",
        Choice(("double", "single")),
        help="double: the alignment's adapter is merged (with dtype gguf: frozen) and "
        "the user trains a new one; single: the user goes on with the alignment's",
        through=["attack", "evaluate", "drift"],
        of_alignment=True,
    )
    rank: int = _setting(16, COUNT, help="of the adapters", key=TRAINED)
    dropout: float = _setting(
        0.0,
        Number({"minimum": 0, "maximum": 0.5}),
        help="of the adapters",
        key=TRAINED,
    )
