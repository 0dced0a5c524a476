"""`compare`: two models over one data set, into an accumulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from vaccine_swift._plurals import counted
from vaccine_swift.batches import Example
from vaccine_swift.drift.accumulator import Accumulator
from vaccine_swift.drift.paired_rows import PairedRows
from vaccine_swift.drift.probe import Capture, Groups, Ids, Probe
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.models import CausalLM
from vaccine_swift.models.held import HeldLM, is_module

__all__ = ["compare"]


def compare(
    reference_model: Any,
    current_model: Any,
    dataset: Sequence[Example],
    *,
    layers: Literal["all"] | Sequence[int] = "all",
    what: Literal["attention", "residual", "mlp"] = "attention",
    pool: Literal["tokens", "last", "mean", "response"] = "tokens",
    ids: Ids | None = None,
    groups: Groups | None = None,
    tier: Literal["light", "sketch", "full"] = "light",
    batch_size: int = 8,
    metadata: Mapping[str, Any] | None = None,
    progress: Progress = False,
    **options: Any,
) -> Accumulator | PairedRows:
    """Run both models over the same prompts and accumulate how their states differ.

    States are read batch by batch and dropped, so the memory does not grow with the
    data set, apart from the accumulator's table of prompts. Of models of different
    width all states are kept, and compared by what needs equal rows only.

    Parameters
    ----------
    reference_model, current_model : CausalLM or torch.nn.Module
        Causal language models of this package, or of transformers, PEFT's included.
        With ``layers="all"``, of one depth. They have to share the tokeniser, which is
        not checked.
    dataset : sequence of Example
        The prompts, such as `vaccine_swift.data.load` returns.
    layers : "all" or sequence of int
        Indices in rising order.
    what : {"attention", "residual", "mlp"}
        What attention adds to the residual stream (Vaccine's embedding), the stream
        after the layer, or what the feed-forward network adds.
    pool : {"tokens", "last", "mean", "response"}
        A row for every token, for the last token or the mean of each prompt, or for
        every supervised token.
    ids : sequence of int or str, or str, optional
        One for each example, all distinct; or the column of the data that
        holds them. By default the column ``id`` where all rows have it, else the
        examples' positions.
    groups : mapping of str to bool sequence, sequence of str, or str, optional
        Name to a mask over the examples; the group of each example; or the column of
        the data whose values are the groups.
    tier : {"light", "sketch", "full"}
        What the accumulator keeps, see `Accumulator`.
    batch_size : int
        Examples at a time.
    metadata : mapping, optional
        Added to what the report says of its origin.
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets
        ``("prompts", done, total)``.
    **options
        Further arguments of `Accumulator`.

    Returns
    -------
    Accumulator or PairedRows
        Its `report` gives metrics and tests; merge it with those of other shards.
        `PairedRows` where the widths differ.

    Raises
    ------
    TypeError, ValueError
        When an argument is not of its kind, the models differ in depth, ids repeat, or
        a state is not finite (names row, column and layer). Where widths differ, when
        groups, a tier or options of an accumulator are given.
    KeyboardInterrupt
        On Ctrl-C, within a second.

    References
    ----------
    .. [1] Huang, Hu, Liu, "Vaccine", arXiv:2402.01109, section 3 (embedding drift).

    Examples
    --------
    >>> import vaccine_swift as vs
    >>> from vaccine_swift import drift
    >>> before = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    >>> after = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    >>> data = [vs.Example([k, 2, 3], [-100, 2, 3]) for k in range(20)]
    >>> report = drift.compare(before, after, data).report()
    >>> report.to_dict()["settings"]["prompts"]
    20
    """
    capture = Capture(what, pool, layers)
    reference_model = _readable("reference", reference_model)
    current_model = _readable("current", current_model)
    size, other = capture.size(reference_model), capture.size(current_model)
    if size[0] != other[0]:
        raise ValueError(
            f"current_model must have the reference's {counted(size[0], 'layer')}, got "
            f"{other[0]}: choose by layers"
        )
    probe = Probe.of(dataset, ids=ids, groups=groups, pool=pool, batch_size=batch_size)
    told = {
        "reference": repr(reference_model),
        "current": repr(current_model),
        "what": what,
        "pool": pool,
        "layers": layers if isinstance(layers, str) else [int(k) for k in layers],
        **(metadata or {}),
    }
    if size[1] != other[1]:
        given = [*options, *([] if tier == "light" else ["tier"])]
        given += [] if groups is None else ["groups"]
        if given:
            raise TypeError(
                f"{given[0]} is of an accumulator's, and models of width {size[1]} and "
                f"{other[1]} have none: leave it out"
            )
        models = reference_model, current_model
        return _paired_rows(capture, models, probe, told, progress=progress)
    accumulator = Accumulator(
        layers=size[0],
        width=size[1],
        tier=tier,
        metadata=told,
        **options,
    )
    for batch, chosen in _batches(probe, progress):
        row_ids, masks = probe.rows(batch, chosen, pool)
        accumulator.update(
            capture.states(reference_model, batch),
            capture.states(current_model, batch),
            ids=row_ids,
            groups=masks,
        )
    return accumulator


def _batches(probe: Probe, progress: Progress) -> Iterator[tuple[Any, Any]]:
    """The probe's batches; whoever watches is told of those that are done."""
    done = 0
    with Watch(progress) as watch:
        told = watch.stage("prompts", float(len(probe.examples)))
        for batch, chosen in probe.batches():
            yield batch, chosen
            done += len(chosen)
            if told is not None:
                told(done)


def _paired_rows(
    capture: Capture,
    models: tuple[Any, Any],
    probe: Probe,
    metadata: Mapping[str, Any],
    *,
    progress: Progress,
) -> PairedRows:
    """All states of both models."""
    sides: tuple[list[Any], list[Any]] = ([], [])
    ids = []
    for batch, chosen in _batches(probe, progress):
        ids.append(probe.rows(batch, chosen, capture.pool)[0])
        for model, side in zip(models, sides, strict=True):
            side.append(capture.states(model, batch))
    first, second = (np.concatenate(side, axis=1) for side in sides)
    return PairedRows(first, second, ids=np.concatenate(ids), metadata=metadata)


def _readable(name: str, model: Any) -> Any:
    if is_module(model):
        return HeldLM(model)
    if not isinstance(model, CausalLM):
        kind = type(model).__name__
        raise TypeError(f"{name}_model must be a CausalLM, got {kind}")
    return model
