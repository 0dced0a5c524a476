"""The method of an alignment; noise of the norm that Vaccine's perturbation has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaccine_swift.batches import IGNORED_LABEL, Example
from vaccine_swift.methods import Method, method_class, method_named
from vaccine_swift.study.arms import VARIANCE
from vaccine_swift.study.training import examples

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.study.grid import Trial

__all__ = ["alignment_method", "equal_norm_variance"]


def alignment_method(
    trial: Trial, model: CausalLM, pools: Sequence[tuple[list[dict[str, Any]], int]]
) -> Method:
    """How a trial's alignment forms its gradient.

    Parameters
    ----------
    trial : Trial
        Its method and the method's parameters. A variance that they do not give is
        that of noise whose expected norm is their rho.
    model : CausalLM
        Whose size and tokeniser the noise depends on.
    pools : sequence of (rows, int)
        Where the rows are drawn from, and how many of each: the mean batch is that of
        all seeds, so that the noise is the same for all.
    """
    known = method_class(trial.method)
    settings = {
        each.name: trial.parameters[each.name]
        for each in known.options()
        if each.name in trial.parameters
    }
    if VARIANCE not in settings and any(o.name == VARIANCE for o in known.options()):
        drawn = sum(size for _, size in pools)
        tokens = sum(
            size * _perturbed_tokens(examples(rows, model, trial)) / len(rows)
            for rows, size in pools
            if size
        )
        settings[VARIANCE] = equal_norm_variance(
            trial.rho or 0.0,
            layers=model.config["num_hidden_layers"],
            tokens=tokens / drawn * trial.settings["align_batch"],
            width=model.config["hidden_size"],
        )
    return method_named(trial.method, **settings)


def _perturbed_tokens(rows: Iterable[Example]) -> int:
    """Tokens on which a target depends: all before the last target of each row."""
    targets = (np.flatnonzero(row.labels[1:] != IGNORED_LABEL) for row in rows)
    return sum(int(places[-1]) + 1 for places in targets)


def equal_norm_variance(rho: float, *, layers: int, tokens: float, width: int) -> float:
    """Variance of noise whose expected squared total norm is ``rho²``.

    Parameters
    ----------
    rho : float
        Vaccine's total norm.
    layers, width : int
        Of the model.
    tokens : float
        Of the mean batch, those on which a target depends.

    Examples
    --------
    >>> equal_norm_variance(2.0, layers=2, tokens=10, width=5)
    0.04
    """
    return rho**2 / (layers * tokens * width)
