"""A study to be killed: tells of every finished stage on standard output.

Each stage waits for a line, or the end, of standard input.

Usage: killed_study.py OUT MODEL
"""

from __future__ import annotations

import sys
from pathlib import Path

from study_support import tiny_study

from vaccine_swift import study
from vaccine_swift.study.store import Store


def main(out: Path, model: Path) -> None:
    run = Store.run

    def told(self, stage, report):
        sys.stdin.readline()
        content = run(self, stage, report)
        print(stage.folder, flush=True)
        return content

    Store.run = told
    config = tiny_study(model, methods=("none", "sft", "vaccine"), poison=(0, 0.2))
    study.run(config, out, progress=False)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
