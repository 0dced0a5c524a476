"""The number of threads, and what this build runs on."""

from __future__ import annotations

import platform

from vaccine_swift import _core
from vaccine_swift.machine.processors import available_processors

__all__ = ["get_num_threads", "set_num_threads", "show_config"]


def set_num_threads(n: int) -> None:
    """Set the threads of every parallel region of the core.

    Parameters
    ----------
    n : int
        In [1, 1024]. Starts as the number of processors that the process may use: those
        in its affinity mask, and no more than its control groups grant it time for.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is out of range.

    Notes
    -----
    Matrix products are cut into one block for each thread, so results are bit-identical
    from run to run for the same number of threads, and agree to rounding between
    different numbers. A child made by ``fork`` computes on one thread.
    """
    _core.set_num_threads(n)


def get_num_threads() -> int:
    """Return the threads of a parallel region.

    Returns
    -------
    int
        As set by `set_num_threads`; 1 in a child made by ``fork``.
    """
    return _core.get_num_threads()


def show_config() -> dict[str, str | int]:
    """Describe the build and the machine, for a report of results.

    Returns
    -------
    dict
        ``version``, ``core`` (BLAS library and kernel, instruction set of the build),
        ``threads``, ``processors`` (that the process may use), ``machine``, ``python``.

    Examples
    --------
    >>> show_config()["threads"] == get_num_threads()
    True
    """
    return {
        "version": _core.__version__,
        "core": _core.build_description(),
        "threads": get_num_threads(),
        "processors": available_processors(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
