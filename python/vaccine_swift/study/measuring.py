"""What a trial's models are measured by: the evaluation's metrics, and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift.drift.probe import Capture, Probe
from vaccine_swift.drift.probe_states import ProbeStates
from vaccine_swift.study.evaluation import evaluate

if TYPE_CHECKING:
    from vaccine_swift import drift
    from vaccine_swift.data import Dataset
    from vaccine_swift.models import CausalLM
    from vaccine_swift.study.grid import Trial
    from vaccine_swift.study.tasks import Task

__all__ = ["drift_curve", "drift_numbers", "measured", "probe_states"]

_GROUPS: Final = ("restricted", "ordinary")
_BATCH_SIZE: Final = 8
_OF_LAYERS: Final = ("relative_drift", "rms", "cosine")


def measured(
    model: CausalLM,
    task: Task,
    rows: Mapping[str, Sequence[dict[str, Any]]],
    trial: Trial,
) -> dict[str, Any]:
    """All metrics of the evaluation by name, as plain types.

    Parameters
    ----------
    model : CausalLM
        Aligned or attacked.
    task : Task
        Its test rows are asked.
    rows : mapping
        "restricted", "ordinary" and perhaps "near_miss" to held-out rows.
    trial : Trial
        Its settings choose profile, judge, template and limit.
    """
    settings = trial.settings
    metrics = evaluate(
        model,
        task=task,
        restricted=rows["restricted"],
        ordinary=rows["ordinary"],
        near_miss=rows.get("near_miss"),
        profile=settings["profile"],
        judge=settings["judge"],
        template=settings["template"],
        limit=settings["limit"],
    )
    return {
        name: {
            "value": each.value,
            "units": list(each.units),
            "unit_ids": list(each.unit_ids),
            "profile": each.profile,
            "details": dict(each.details),
        }
        | ({} if each.sizes is None else {"sizes": list(each.sizes)})
        for name, each in metrics.items()
    }


def drift_curve(monitor: drift.Monitor) -> list[dict[str, Any]]:
    """Step and relative drift with its interval and groups, from no drift at step 0."""
    kept = ("relative_drift", "low", "high")
    start = dict.fromkeys(kept, 0.0)
    points = [{"step": 0} | start | {"groups": dict.fromkeys(_GROUPS, 0.0)}]
    return points + [
        {name: each[name] for name in ("step", *kept, "groups")}
        for each in monitor.history
    ]


def probe_states(reference: CausalLM, probe: Dataset) -> ProbeStates:
    """What drift is measured from: attention outputs, the mean over each prompt.

    Parameters
    ----------
    reference : CausalLM
        Before the attack.
    probe : Dataset
        Rows have ``kind``: restricted or ordinary.
    """
    capture = Capture("attention", "mean")
    prompts = Probe.of(
        probe, ids=None, groups="kind", pool=capture.pool, batch_size=_BATCH_SIZE
    )
    return ProbeStates(reference, capture, prompts)


def drift_numbers(moved: drift.Accumulator, *, rounded: bool) -> dict[str, Any]:
    """Drift of attention outputs from the aligned to the attacked model.

    Parameters
    ----------
    moved : Accumulator
        Of both models' states, groups by kind: restricted and ordinary.
    rounded : bool
        Whether the models are held in bfloat16.

    Returns
    -------
    dict
        ``layers``: relative drift, rms and cosine of each layer, for all prompts
        ("overall") and for each kind; ``overall``: the relative drift of all layers
        with its interval, likewise; ``contrast``: the ratio of restricted to ordinary
        drift, its interval and p-value; ``floor``: what rounding alone shows, for each
        layer, or None.
    """
    report = moved.report(
        tests=["contrast"],
        contrast=_GROUPS,
        floor="bfloat16" if rounded else None,
    )
    content = report.to_dict()
    parts = {"overall": content} | {name: content["groups"][name] for name in _GROUPS}
    contrast = content["tests"]["contrast"]
    ratio = contrast["details"]["ratio"]
    return {
        "layers": {
            name: [
                {metric: layer[metric]["value"] for metric in _OF_LAYERS}
                for layer in part["layers"]
            ]
            for name, part in parts.items()
        },
        "overall": {
            name: part["overall"]["relative_drift"] for name, part in parts.items()
        },
        "contrast": {
            "ratio": ratio["value"],
            "low": ratio["low"],
            "high": ratio["high"],
            "p_value": contrast["p_value"],
        },
        "floor": content["floor"],
    }
