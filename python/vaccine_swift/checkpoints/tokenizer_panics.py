"""The tokeniser library's panics as errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["refused_as"]


@contextmanager
def refused_as(what: str, *, let: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Make a ValueError of whatever the ``tokenizers`` library raises.

    It raises bare ``Exception``, and where its own code fails a ``PanicException``,
    which is a ``BaseException`` and so escapes what catches errors.

    Parameters
    ----------
    what : str
        What the message begins with.
    let : tuple of exception types
        These stay as they are.
    """
    kept: tuple[type[Exception], ...] = (MemoryError, FileNotFoundError, *let)
    try:
        yield
    except kept:
        raise
    except Exception as error:
        raise ValueError(f"{what}: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"{what}: {error}") from error
