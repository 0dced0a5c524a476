"""Work divided among processes of any machines by files in one shared directory.

A lease is a file ``NAME.GENERATION`` that says whose it is. It is made by link(2), in
which one process alone succeeds, also on NFS, and is never changed or deleted: who
takes over from a dead member makes the next generation. Every member has a file of its
own, in which it counts on as a sign of life. Another member takes it for dead when the
count has stood still for a given time by the other's own clock, so that machines'
clocks need not agree; at once when it has left, or when it was a process of the same
machine that is gone.

A member may be taken for dead and come back, after the machine slept. So leases save
work, and what is written must be right when two processes write the same.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vaccine_swift.files.reading import read_whole
from vaccine_swift.files.shapes import NUMBER, TEXT, Whole, fits
from vaccine_swift.files.strict_json import parse_json
from vaccine_swift.machine.processes import is_gone, process_identity

__all__ = ["EXPIRY", "Leases", "members"]

EXPIRY: Final = 120.0
_MEMBER: Final = "member-"
_BEATS: Final = 8
"""Signs of life in the time after which their absence counts."""
_NEWS: Final = 2.0
"""Seconds between them, or less, where a member has something new to tell."""
_LENGTH: Final = 2048
"""Bytes of a member's file, written in one piece."""
_IDENTITY: Final = 4
"""Parts of what tells a process from all others."""
_TOLD: Final = Whole(
    member=TEXT, host=TEXT, process=[TEXT], beat=NUMBER, left=bool, time=NUMBER
)


class Leases:
    """A process among those that divide work; one for each directory and process.

    Parameters
    ----------
    directory : Path
        Made where it does not exist; the same for all.
    about : mapping
        What others may want to know of this one, ready for JSON.
    expiry : float
        Seconds without a sign of life after which a member is taken for dead, above 0.

    Raises
    ------
    OSError
        When the directory cannot be written to.
    """

    def __init__(
        self, directory: Path, about: Mapping[str, Any], *, expiry: float = EXPIRY
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        host = socket.gethostname()
        self.member = f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._directory = directory
        self._expiry = expiry
        self._told: dict[str, Any] = {
            "member": self.member,
            "host": host,
            "process": process_identity(os.getpid()),
            "beat": 0,
            "left": False,
            **about,
        }
        self._seen: dict[str, tuple[str | None, float]] = {}
        self._held: dict[str, int] = {}
        self._turn = threading.Lock()
        self._news, self._over = threading.Event(), threading.Event()
        self._name = directory / f"{_MEMBER}{self.member}.name"
        self._sign = directory / f"{_MEMBER}{self.member}"
        try:
            self._name.write_text(self.member)
            self._sign.touch()
            self._beat()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._sign)) from error
        self._heart = threading.Thread(target=self._live, daemon=True)
        self._heart.start()

    def take(self, name: str) -> bool:
        """Take a lease that is free, or whose holder is dead.

        Parameters
        ----------
        name : str
            A file name without a dot.

        Returns
        -------
        bool
            Whether this process holds it. Whether the work has been done meanwhile is
            to be looked at afterwards.

        Raises
        ------
        OSError
            When the directory cannot be written to.
        """
        generation = 1
        while True:
            path = self._directory / f"{name}.{generation}"
            holder = _read(path)
            if holder is None:
                self._claim(path)
                holder = _read(path)
            if holder == self.member:
                self._held[name] = generation
                return True
            if not self._is_dead(holder):
                return False
            generation += 1

    def is_lost(self, name: str) -> bool:
        """Whether another process has taken over what this one took."""
        return (self._directory / f"{name}.{self._held[name] + 1}").exists()

    def tell(self, **told: Any) -> None:
        """Let others know, two seconds later at most; the caller does not wait."""
        with self._turn:
            self._told |= told
        self._news.set()

    def leave(self) -> None:
        """Give all leases back."""
        self._over.set()
        self._news.set()
        self._heart.join()
        self.tell(left=True)
        with suppress(OSError):
            self._beat()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def _claim(self, path: Path) -> None:
        """Make the lease, unless another process is first."""
        try:
            os.link(self._name, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            with suppress(FileExistsError), path.open("x") as file:
                file.write(self.member)

    def _is_dead(self, member: str | None) -> bool:
        text = _read(self._directory / f"{_MEMBER}{member}")
        told = _parsed(text)
        if told and (told["left"] or is_gone(told["process"])):
            return True
        now = time.monotonic()
        former, since = self._seen.setdefault(str(member), (text, now))
        if text != former:
            self._seen[str(member)] = text, now
            return False
        return now - since >= self._expiry

    def _live(self) -> None:
        regular = self._expiry / _BEATS
        soonest = min(_NEWS, regular)
        while not self._over.wait(soonest):
            self._news.wait(regular - soonest)
            self._news.clear()
            with suppress(OSError):
                self._beat()

    def _beat(self) -> None:
        with self._turn:
            self._told |= {"beat": self._told["beat"] + 1, "time": time.time()}
            text = json.dumps(self._told).encode().ljust(_LENGTH)
        with self._sign.open("r+b", buffering=0) as file:
            file.write(text)
            os.fsync(file)


def members(directory: Path) -> list[dict[str, Any]]:
    """What the members of all times said last, with ``dead`` where that is known.

    A member of another machine that was killed is known by its ``time`` alone.
    """
    told = (
        _parsed(_read(path))
        for path in sorted(directory.glob(f"{_MEMBER}*"))
        if path.suffix != ".name"
    )
    return [
        each | {"dead": each["left"] or is_gone(each["process"])}
        for each in told
        if each
    ]


def _read(path: Path) -> str | None:
    try:
        return read_whole(path).decode(errors="replace")
    except FileNotFoundError:
        return None


def _parsed(text: str | None) -> dict[str, Any] | None:
    """What a member's file says; None while it is being written, or damaged."""
    try:
        told = parse_json(text or "null")
    except ValueError:
        return None
    if not fits(told, _TOLD):
        return None
    process = told["process"]
    known = not process or (len(process) == _IDENTITY and process[2].isdecimal())
    return told if known else None
