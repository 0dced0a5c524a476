"""`StudyConfig`: every setting of a study, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, get_args

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.hub import hub_hint
from vaccine_swift.data import TEMPLATES
from vaccine_swift.models.engine_choice import ENGINES
from vaccine_swift.study.arms import NONE, further_methods, qualified_name
from vaccine_swift.study.checks import Choice, Number, Rule, Source, check_choice
from vaccine_swift.study.evaluation import PROFILES
from vaccine_swift.study.faults import faults_of
from vaccine_swift.study.judges import JUDGES
from vaccine_swift.study.safety import SOURCES
from vaccine_swift.study.setting import STAGES, parameters_text, setting, settings_of
from vaccine_swift.study.tasks import TASKS
from vaccine_swift.training.schedule import Schedule

__all__ = ["LISTS", "METHODS", "NO_ROWS", "SETTINGS", "SMOLLM2", "StudyConfig"]
__all__ += ["named_judge"]

_MAPPINGS: Final = ("parameters", "sweep")
METHODS: Final = (NONE, "sft", "vaccine", "random")
SMOLLM2: Final = "smollm2"
NO_ROWS: Final = "none"

_COUNT: Final = Number({"minimum": 1, "integer": True})
_FROM_ZERO: Final = Number({"minimum": 0})
_POSITIVE: Final = Number({"above": 0})
_TRAINED: Final = ("align", "attack")

_compared = partial(setting, group="what is compared (values between commas)")
_model = partial(setting, group="model")
_align = partial(setting, group="alignment")
_attack = partial(setting, group="attack: the user's fine-tuning")
_both = partial(setting, group="both trainings")
_measured = partial(setting, group="evaluation")


def _check_model(name: str, value: Any, faults: list[str]) -> None:
    if value != SMOLLM2 and not Path(value).exists():
        faults.append(
            f"{name} must be {SMOLLM2!r}, a directory or a .gguf file that exists, "
            f"got {value!r}{hub_hint(Path(value))}.{nearest(value, [SMOLLM2])}"
        )


def _check_device(name: str, value: Any, faults: list[str]) -> None:
    if not (isinstance(value, str) and value):
        faults.append(f"{name} must be a device's name, got {value!r}")


def _check_judge(name: str, value: Any, faults: list[str]) -> None:
    if not (callable(value) or Path(str(value)).is_dir()):
        check_choice(name, value, JUDGES, faults)


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """What is compared, and every setting of it.

    The defaults are the preset ``laptop``. The grid is the product of `methods` (with
    `rho` and `every` where the method has them), `poison`, `seeds` and `sweep`.

    Parameters
    ----------
    {parameters}
    parameters : mapping of str to sequence
        Values of further settings of the methods by name, such as
        ``{"variance": [1e-4]}``; each makes arms of the methods that have it.
    sweep : mapping of str to sequence
        Values of further fields, such as ``{"align_steps": [30, 60]}``.

    Raises
    ------
    ValueError
        Lists every fault; unknown names suggest the nearest.

    Examples
    --------
    >>> StudyConfig(methods="sft", seeds=3).seeds
    (0, 1, 2)
    >>> StudyConfig(rank=0, poison=2)
    Traceback (most recent call last):
        ...
    ValueError: poison must be at least 0 and at most 1, got 2; rank must be at least \
1, got 0
    """

    methods: tuple[str, ...] = _compared(
        METHODS,
        Choice(METHODS, partial(further_methods, METHODS)),
        help="how the model is aligned before the attack: none, not at all, or any "
        "method that is registered; random is noise of Vaccine's expected norm",
        key=["align"],
        several=True,
    )
    rho: tuple[float, ...] = _compared(
        (1.0,),
        _FROM_ZERO,
        help="total L2 norm of the perturbation, of methods that have one; random: "
        "noise of variance rho² / (L · T · C), T the tokens of the mean batch",
        key=["align"],
        several=True,
    )
    every: tuple[int, ...] = _compared(
        (1,),
        _COUNT,
        help="perturb each N-th step, of methods that can",
        key=["align"],
        several=True,
    )
    poison: tuple[float, ...] = _compared(
        (0.0, 0.05, 0.1, 0.2),
        Number({"minimum": 0, "maximum": 1}),
        help="share p of harmful rows in the user's data",
        through=["attack"],
        several=True,
    )
    seeds: tuple[int, ...] = _compared(
        (0, 1, 2),
        Number({"minimum": 0, "maximum": 2**32 - 1, "integer": True}),
        help="how many, or which, such as 0,4,7; a seed decides the alignment sample, "
        "the adapters' start, dropout, noise, order and the user's sample",
        key=_TRAINED,
        several=True,
    )
    parameters: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    sweep: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    model: str = _model(
        SMOLLM2,
        Rule(_check_model),
        help="a Hugging Face directory, a .gguf file, or 'smollm2' for "
        "SmolLM2-135M-Instruct, which is fetched once (98 MB)",
        through=STAGES,
        sweepable=False,
    )
    dtype: Literal["auto", "float32", "bfloat16", "gguf"] = _model(
        "auto",
        Choice(("auto", "float32", "bfloat16", "gguf")),
        help="precision of the weights; auto is the fastest there is, gguf keeps the "
        "blocks of a .gguf file",
        through=STAGES,
    )
    engine: Literal["swift", "torch"] = _model(
        "swift",
        Choice(ENGINES),
        help="what computes: torch runs transformers models, on GPUs too",
        through=STAGES,
        former="swift",
    )
    device: str | None = _model(
        None,
        Rule(_check_device),
        help="of the torch engine: cpu, cuda, cuda:1, or auto for all GPUs there are, "
        "which it is if left out",
        through=STAGES,
        former=None,
    )
    template: str = _model(
        "chat",
        Choice(tuple(TEMPLATES)),
        help="how a request is put into words: chat is the model's own, alpaca the "
        "authors'",
        key=STAGES,
    )
    lora: Literal["double", "single"] = _model(
        "double",
        Choice(("double", "single")),
        help="double: the alignment's adapter is merged (with dtype gguf: frozen) and "
        "the user trains a new one; single: the user goes on with the alignment's",
        through=["attack", "evaluate", "drift"],
        of_alignment=True,
    )
    rank: int = _model(16, _COUNT, help="of the adapters", key=_TRAINED)
    dropout: float = _model(
        0.0,
        Number({"minimum": 0, "maximum": 0.5}),
        help="of the adapters",
        key=_TRAINED,
    )

    align_data: str | None = _align(
        None,
        Source(),
        help="a file of rows to align on, in place of restricted_data and "
        "ordinary_data; of BeaverTails rows the safe ones are taken",
        through=["align"],
    )
    align_samples: int | None = _align(
        None,
        _COUNT,
        help="rows drawn of align_data; all if left out",
        through=["align"],
    )
    align_restricted: int = _align(
        170,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of restricted_data, to refuse",
        through=["align"],
    )
    align_ordinary: int = _align(
        185,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of ordinary_data, to follow",
        through=["align"],
    )
    align_everyday: int = _align(
        25,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of the shipped everyday instructions, to follow",
        through=["align"],
        former=0,
    )
    align_near_miss: int = _align(
        120,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of the shipped near misses, to follow: ordinary requests that "
        "share words with restricted ones",
        through=["align"],
        former=0,
    )
    align_steps: int = _align(100, _COUNT, help="optimiser steps", key=["align"])
    align_batch: int = _align(5, _COUNT, help="examples of a step", key=["align"])
    align_learning_rate: float = _align(
        5e-3, _FROM_ZERO, help="peak of the schedule", key=["align"]
    )
    align_alpha: float = _align(
        16.0,
        _POSITIVE,
        help="the adapter's output is scaled by alpha / rank; with a single adapter "
        "this holds for the attack too",
        key=["align"],
    )

    task: str = _attack(
        "sentiment",
        Source(tuple(TASKS)),
        help="what the user fine-tunes for",
        through=["attack", "evaluate"],
    )
    task_data: str | None = _attack(
        None,
        Source(),
        help="the file of rows that topics needs",
        through=["attack", "evaluate"],
    )
    harmful_data: str = _attack(
        "proxy",
        Source(("proxy",)),
        help="harmful rows of the user's: proxy is shipped and its compliance has no "
        "content; of a file of BeaverTails rows the unsafe ones are taken",
        through=["attack"],
    )
    samples: int = _attack(
        300, _COUNT, help="rows n of the user's data", through=["attack"]
    )
    attack_steps: int = _attack(60, _COUNT, help="optimiser steps", key=["attack"])
    attack_batch: int = _attack(5, _COUNT, help="examples of a step", key=["attack"])
    attack_learning_rate: float = _attack(
        1e-3, _FROM_ZERO, help="peak of the schedule", key=["attack"]
    )
    attack_alpha: float = _attack(
        16.0,
        _POSITIVE,
        help="the adapter's output is scaled by alpha / rank",
        key=["attack"],
    )

    schedule: str = _both(
        "cosine",
        Choice(get_args(Schedule)),
        help="of the learning rate",
        key=_TRAINED,
    )
    warmup: float = _both(
        0.1,
        _FROM_ZERO,
        help="steps of warm-up; below 1 a share of all steps",
        key=_TRAINED,
    )
    weight_decay: float = _both(
        0.1, _FROM_ZERO, help="decoupled decay of the adapter's matrices", key=_TRAINED
    )
    max_grad_norm: float = _both(
        1.0,
        _FROM_ZERO,
        help="global norm that gradients are clipped to; 0 for none",
        key=_TRAINED,
    )
    max_length: int = _both(
        200,
        Number({"minimum": 2, "integer": True}),
        help="most tokens of an example",
        key=["align", "attack", "drift"],
    )

    restricted_data: str = _measured(
        "proxy",
        Source(SOURCES),
        help="requests to refuse, for alignment and evaluation",
        through=STAGES,
    )
    ordinary_data: str = _measured(
        "proxy",
        Source(("proxy",)),
        help="instructions to follow, likewise",
        through=STAGES,
    )
    near_miss_data: Literal["proxy", "none"] = _measured(
        "proxy",
        Choice(("proxy", NO_ROWS)),
        help="ordinary requests that share words with restricted ones, for evaluation; "
        "none asks no such",
        through=["evaluate"],
        former=NO_ROWS,
    )
    evaluate_on: Literal["test", "validation"] = _measured(
        "test",
        Choice(("test", "validation")),
        help="held-out requests and task rows: choose settings on validation, report "
        "test; neither is ever trained on",
        through=["attack", "evaluate", "drift"],
    )
    profile: str = _measured(
        "laptop",
        Choice(tuple(PROFILES)),
        help="how scores are measured",
        key=["evaluate"],
    )
    judge: str | Callable[[str, str], Any] | None = _measured(  # noqa: RUF009
        None,
        Rule(_check_judge),
        help="of the harmful score: rule, beaver-dam-7b, the directory of such a "
        "model, in Python also a function of (request, answer), which is known by its "
        "name and source; the profile's if left out",
        through=["evaluate"],
        sweepable=False,
    )
    limit: int | None = _measured(
        None,
        _COUNT,
        help="most prompts of each set; the profile's number if left out",
        key=["evaluate"],
    )
    drift_prompts: int = _measured(
        40,
        Number({"minimum": 2, "integer": True}),
        help="requests of each kind whose drift is measured",
        through=["attack", "drift"],
    )
    drift_every: int = _measured(
        20,
        _COUNT,
        help="steps of the attack between points of the drift curve",
        through=["attack"],
    )

    def __post_init__(self) -> None:
        for name in LISTS:
            object.__setattr__(self, name, _listed(name, getattr(self, name)))
        for name in _MAPPINGS:
            mapping = getattr(self, name)
            if isinstance(mapping, Mapping):
                values = {key: _several(each) for key, each in mapping.items()}
                object.__setattr__(self, name, values)
        faults = faults_of(self, SETTINGS)
        if faults:
            raise ValueError("; ".join(faults))

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, ready for JSON; a judge by its name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values |= {name: list(values[name]) for name in LISTS}
        for name in _MAPPINGS:
            values[name] = {key: list(each) for key, each in values[name].items()}
        return named_judge(values)


SETTINGS: Final = settings_of(StudyConfig)
"""Every setting of a study by name."""

LISTS: Final = tuple(name for name, each in SETTINGS.items() if each.several)
"""The fields that span the grid; each takes one value or several."""

StudyConfig.__doc__ = (StudyConfig.__doc__ or "").replace(
    "{parameters}", parameters_text(SETTINGS.values())
)


def named_judge(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with ``module.name`` in place of a judge that is no name."""
    judge = settings["judge"]
    if not callable(judge):
        return dict(settings)
    named = judge if hasattr(judge, "__qualname__") else type(judge)
    return {**settings, "judge": qualified_name(named)}


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if name == "seeds" and isinstance(value, int) and not isinstance(value, bool):
        return tuple(range(value))
    return _several(value)


def _several(value: Any) -> tuple[Any, ...]:
    """One value or several, without repeats, in their order."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(dict.fromkeys(value))
