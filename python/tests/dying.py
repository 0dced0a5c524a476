"""Processes that end at a chosen file operation, as a killed one would."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

_OPERATIONS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.chmod", "open"}


def killed_everywhere(prepare: Callable[[], Any], work: Callable[[], Any]) -> Iterator:
    """Do `work` in children that die before its 1st, 2nd … file operation.

    Yields the number after each death, and ends where a child finished. `prepare` is
    called before each.
    """
    number = 1
    while True:
        prepare()
        if _finishes(number, work):
            return
        yield number
        number += 1


def _finishes(number: int, work: Callable[[], Any]) -> bool:
    child = os.fork()
    if child == 0:
        left = number

        def count(event: str, arguments: Any) -> None:
            nonlocal left
            if event in _OPERATIONS:
                left -= 1
                if left == 0:
                    os._exit(9)

        sys.addaudithook(count)
        try:
            work()
        except BaseException:  # noqa: BLE001, the child must not return
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"the child ended with {code}"
    return code == 0
