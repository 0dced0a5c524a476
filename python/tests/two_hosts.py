"""Two network namespaces joined by a wire: hosts that reach each other by address."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ADDRESSES = ("10.99.0.1", "10.99.0.2")
# What `mpirun` calls as it would ssh: HOST COMMAND. Open MPI tells hosts by names.
AGENT = """#!/bin/bash
shift
exec ip netns exec {name} \\
    unshare --uts bash -c 'hostname {name}; exec bash -c "$0"' "$*"
"""


def told(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def two_hosts() -> Iterator[tuple[str, str]]:
    """Names of the namespaces; skips the test where none can be made."""
    names = tuple(f"host{side}{os.getpid()}" for side in "ab")
    wires = tuple(f"wire{side}{os.getpid() % 10_000_000}" for side in "ab")
    made: list[str] = []
    try:
        for name in names:
            told("netns", "add", name)
            made.append(name)
        told("link", "add", wires[0], "type", "veth", "peer", "name", wires[1])
        for name, wire, address in zip(names, wires, ADDRESSES, strict=True):
            told("link", "set", wire, "netns", name)
            told("-n", name, "addr", "add", f"{address}/24", "dev", wire)
            told("-n", name, "link", "set", wire, "up")
            told("-n", name, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        remove(made)
        pytest.skip(f"needs iproute2 and the right to make network namespaces: {error}")
    try:
        yield names
    finally:
        remove(made)


def remove(names: list[str]) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def on(name: str) -> list[str]:
    """What begins a command that runs on a host of its own name."""
    named = ["unshare", "--uts", "bash", "-c", f'hostname {name}; exec "$@"', "-"]
    return ["ip", "netns", "exec", name, *named]


def sent(name: str) -> int:
    """Bytes that a host has sent over its wire."""
    devices = subprocess.run(
        ["ip", "netns", "exec", name, "cat", "/proc/net/dev"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (line,) = (line for line in devices.splitlines() if "wire" in line)
    return int(line.split(":")[1].split()[8])


def agent(path: Path, name: str) -> Path:
    """The script that starts Open MPI's daemon on the other host."""
    path.write_text(AGENT.format(name=name))
    path.chmod(0o755)
    return path
