"""Small things that ranks tell each other, all by sums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.distributed.collective import Collective

__all__ = [
    "RankError",
    "any_rank",
    "broadcast",
    "check_agreement",
    "ending_together",
    "from_first",
    "gather",
    "share",
    "together",
]

_MESSAGE: Final = 2000
_DIGEST: Final = 16
_FACTS: Final = 256
_SHARED: Final = "_vaccine_is_known_to_all_ranks"


class RankError(RuntimeError):
    """What went wrong on another rank, which it names."""


def gather(collective: Collective, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The arrays of all ranks, [R, …]."""
    result = np.zeros((collective.size, *values.shape), values.dtype)
    result[collective.rank] = values
    collective.allreduce(result)
    return result


def broadcast(collective: Collective, array: npt.NDArray[Any]) -> None:
    """Replace the array by that of rank 0."""
    if collective.rank != 0:
        array[...] = 0
    collective.allreduce(array)


def from_first(collective: Collective, value: float) -> float:
    """The number of rank 0."""
    array = np.array([value], np.float64)
    broadcast(collective, array)
    return float(array[0])


def any_rank(collective: Collective, *flags: bool) -> list[bool]:
    """For each flag, whether it is set on any rank."""
    counts = np.array(flags, np.int64)
    collective.allreduce(counts)
    return [bool(count) for count in counts]


def share(collective: Collective, error: BaseException | None) -> None:
    """Raise on every rank what went wrong on one.

    Parameters
    ----------
    collective : Collective
    error : exception or None
        What went wrong here.

    Raises
    ------
    BaseException
        `error` itself, where there is one.
    RankError
        On the other ranks; names the first rank that failed, and says how.
    """
    (failed,) = any_rank(collective, error is not None)
    if failed:
        raise_shared(collective, error)


def raise_shared(collective: Collective, error: BaseException | None) -> None:
    """As `share`, once all ranks know that one of them failed."""
    text = b"" if error is None else f"{type(error).__name__}: {error}".encode()
    told = np.zeros(_MESSAGE, np.uint8)
    text = text[:_MESSAGE]
    told[: len(text)] = np.frombuffer(text, np.uint8)
    everyone = gather(collective, told)
    if error is None:
        rank = int(np.argmax(everyone.any(axis=1)))
        words = everyone[rank].tobytes().rstrip(b"\0").decode(errors="replace")
        error = RankError(f"rank {rank}: {words}")
    setattr(error, _SHARED, True)
    raise error


@contextmanager
def together(collective: Collective) -> Iterator[None]:
    """Let an error in the block, which talks to no rank, be an error of every rank."""
    if collective.size == 1:
        yield
        return
    error: Exception | None = None
    try:
        yield
    except Exception as raised:  # noqa: BLE001, raised again on all ranks
        error = raised
    share(collective, error)


@contextmanager
def ending_together(collective: Collective) -> Iterator[None]:
    """End the other ranks too when this one leaves the block with an error of its own.

    Those that wait for it would wait for ever on an MPI; other adapters notice it.
    """
    try:
        yield
    except BaseException as error:
        abort = getattr(collective, "abort", None)
        if abort is not None and collective.size > 1 and not _is_shared(error):
            abort(error)
        raise


def _is_shared(error: BaseException | None) -> bool:
    while error is not None:
        if getattr(error, _SHARED, False):
            return True
        error = error.__cause__
    return False


def check_agreement(collective: Collective, facts: Mapping[str, object]) -> None:
    """Refuse ranks that are not about to do the same.

    Parameters
    ----------
    collective : Collective
    facts : mapping of str to object
        What must be equal, by a name for people, in ``repr``; at most 256.

    Raises
    ------
    ValueError
        On every rank; names the facts that differ and the ranks on which they do.
    """
    if collective.size == 1:
        return
    names = sorted(facts)
    own = np.zeros((_FACTS + 1, _DIGEST), np.uint8)
    own[0] = _digest("\n".join(names))
    for place, name in enumerate(names):
        own[place + 1] = _digest(repr(facts[name]))
    everyone = gather(collective, own)
    differs = (everyone != everyone[0]).any(axis=2)  # [R, facts]
    if not differs.any():
        return
    ranks = [str(rank) for rank in np.flatnonzero(differs.any(axis=1))]
    if differs[:, 0].any():
        what = "the settings that there are"
    else:
        places = np.flatnonzero(differs.any(axis=0))
        what = ", ".join(names[place - 1] for place in places)
    error = ValueError(
        f"all ranks must do the same, got another {what} on rank {', '.join(ranks)} "
        f"than on rank 0"
    )
    setattr(error, _SHARED, True)
    raise error


def _digest(text: str) -> npt.NDArray[np.uint8]:
    digest = hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()
    return np.frombuffer(digest, np.uint8)
