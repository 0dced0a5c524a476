"""Starts `ranks_run.py` on gloo ranks, waits for all, and tells how each has ended.

Usage: gloo_ranks.py RANKS OUTPUT_DIR [raise]
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("ranks_run.py")


def main(size: str, *words: str) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": size}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), "torch", *words],
            env=os.environ | place | {"RANK": str(rank)},
        )
        for rank in range(int(size))
    ]
    ends = [process.wait() for process in processes]
    for rank, status in enumerate(ends):
        print(f"rank {rank} ended with {status}", file=sys.stderr)
    return int(any(ends))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
