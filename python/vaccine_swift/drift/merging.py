"""States of many shards as one: merged in pairs, here or on workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeAlias, TypeVar

from vaccine_swift.drift.accumulator import Accumulator
from vaccine_swift.drift.windows import Windows

__all__ = ["merge_tree"]

State = TypeVar("State", Accumulator, Windows)
Node: TypeAlias = tuple[int, int]
"""Row of the tree, 0 that of the parts, and place in it."""


def merge_tree(
    parts: Iterable[State | Future[State]], *, executor: Executor | None = None
) -> State:
    """Merge accumulators in pairs, pairs of pairs, and so on, always in one order.

    Or `Windows` to which workers have added rows.

    Parameters
    ----------
    parts : iterable of Accumulator, or of Windows, or Future of one
        At least one. Futures, as an executor's ``submit`` gives, are waited for; a pair
        is merged as soon as both are there. They stay as they are.
    executor : concurrent.futures.Executor, optional
        Whose workers merge: a process pool, Dask's, mpi4py's, or any other. Here
        otherwise.

    Returns
    -------
    Accumulator or Windows
        All together. The same parts in the same order give the same bits, whatever
        merges them and whichever are ready first.

    Raises
    ------
    TypeError
        When a part is no accumulator.
    ValueError
        When there is no part, settings differ, or a prompt is in two parts.
    Exception
        Whatever a future raises; merges that are not begun are given up.

    See Also
    --------
    Accumulator.merge : Two of them. Over MPI, the ranks' are merged by
        ``comm.reduce(own, op=Accumulator.merge)``.

    Examples
    --------
    >>> import numpy as np
    >>> from vaccine_swift import drift
    >>> def measured(shard):
    ...     rng = np.random.default_rng(shard)
    ...     accumulator = drift.Accumulator(layers=1, width=4)
    ...     x = rng.normal(size=(1, 8, 4)).astype(np.float32)
    ...     accumulator.update(x, x + 1, ids=range(8 * shard, 8 * shard + 8))
    ...     return accumulator
    >>> drift.merge_tree(map(measured, range(5))).prompts
    40
    """
    given = list(parts)
    if not given:
        raise ValueError("parts must hold at least one accumulator, got none")
    for place, part in enumerate(given):
        if not isinstance(part, Accumulator | Windows | Future):
            raise TypeError(
                f"parts must be accumulators or futures of them, got "
                f"{type(part).__name__} at {place}"
            )
    pending: dict[Future[State], list[Node]] = {}
    try:
        return _merged_as_they_come(given, pending, executor)
    except BaseException:
        for future in pending:
            future.cancel()
        raise


def _merged_as_they_come(
    parts: Sequence[State | Future[State]],
    pending: dict[Future[State], list[Node]],
    executor: Executor | None,
) -> State:
    """Merge the nodes 2k and 2k + 1 of a row into node k of the next one."""
    widths = [len(parts)]
    while widths[-1] > 1:
        widths.append((widths[-1] + 1) // 2)
    ready: dict[Node, State] = {}
    arrived: list[tuple[Node, State | Future[State]]]
    arrived = [((0, place), part) for place, part in enumerate(parts)]
    while True:
        while arrived:
            node, part = arrived.pop(0)
            row, place = node
            above, beside = (row + 1, place // 2), (row, place ^ 1)
            if isinstance(part, Future):
                pending.setdefault(part, []).append(node)
            elif widths[row] == 1:
                return part
            elif beside[1] == widths[row]:
                arrived.append((above, part))
            elif beside not in ready:
                ready[node] = part
            else:
                pair = (part, ready.pop(beside))
                one, other = pair if place % 2 == 0 else pair[::-1]
                both = executor.submit(merged, one, other) if executor else None
                arrived.append((above, both or merged(one, other)))
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            arrived += [(node, future.result()) for node in pending.pop(future)]


def merged(one: State, other: State) -> State:
    """Two as one; what a worker is sent."""
    return one.merge(other)
