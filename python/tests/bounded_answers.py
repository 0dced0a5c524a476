"""What a hostile file might do, and what is told of the process that it runs in."""

from __future__ import annotations

import os
import re
import resource
import sys
import time
from typing import Any


def answer(request: list[Any]) -> Any:
    name, *arguments = request
    return globals()[name](*arguments)


def same(value: Any) -> Any:
    return value


def process() -> int:
    return os.getpid()


def session() -> int:
    return os.getsid(0)


def path() -> list[str]:
    return sys.path


def memory_limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_AS)


def loop() -> None:
    while True:
        pass


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def match() -> None:
    re.fullmatch("((a+)+)+!", "a" * 60)


def power() -> int:
    return 9**999999999 % 7


def sleep() -> None:
    time.sleep(1000)


def grow() -> None:
    parts = []
    while True:
        parts.append(bytearray(1 << 20))


def double() -> int:
    return len(b"a" * 10**11)


def long_answer() -> str:
    return "\u65e5" * 150_000_000


def nest() -> Any:
    return nest()


def nested_answer() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def no_answer() -> object:
    return object()


def fail(text: str) -> None:
    raise LookupError(text)


def fail_oddly() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    raise Odd


def leave() -> None:
    sys.exit(0)


def leave_at_once() -> None:
    os._exit(0)


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


def say(text: str) -> str:
    print(text)
    print(text, file=sys.stderr)
    os.write(1, text.encode())
    return text
