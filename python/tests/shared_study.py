"""A stand-in study by several processes that are killed, with a log of its stages.

Four forked processes share the folder. After some lines of the log one of them is
killed, and another one comes in its place. Stages take milliseconds; each reads the
files of those that it builds on.

Usage: shared_study.py OUT[:OUT…] LOG SEEDS [KILLS SEED [far | hosts]]; without kills in
one process, alone. With "hosts" as if each process were of a machine of its own, with
an OUT of its own where several are given; with "far" on a file system that has neither
locks nor links, too.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

from study_support import tiny_study

from vaccine_swift import study
from vaccine_swift.files import leases
from vaccine_swift.study import plan, runner, sharing
from vaccine_swift.study.store import Stage, digest

WORKERS = 4


def told(log: Path, *words: object) -> None:
    with log.open("ab", buffering=0) as file:
        file.write((" ".join(map(str, words)) + "\n").encode())


class StandIn:
    """Stages that hash their key and what the former ones left."""

    def __init__(self, log: Path, store) -> None:
        self.log, self.store = log, store

    def stages(self, trial) -> dict[str, Stage]:
        aligned = (self.stage("align", trial.arm | {"seed": trial.seed}),)
        aligned = aligned if trial.aligned else ()
        attack = self.stage("attack", trial.effective, *aligned)
        stages = {
            "before": self.stage("evaluate", {"seed": trial.seed}, *aligned),
            "attack": attack,
            "after": self.stage("evaluate", trial.effective, *aligned, attack),
            "drift": self.stage("drift", trial.effective, *aligned, attack),
        }
        return {"align": aligned[0], **stages} if aligned else stages

    def stage(self, name: str, key: dict, *needed: Stage) -> Stage:
        after = tuple(each.folder for each in needed)
        key = {"own": digest({k: str(v) for k, v in key.items()}), "after": after}

        def work(directory, report):
            told(self.log, "start", stage.folder, os.getpid())
            content = [(self.store.path(each) / "left").read_text() for each in needed]
            report(0.5)
            time.sleep(int(digest(key)[:2], 16) / 256 * 0.02)
            (directory / "left").write_text(digest([key, content]))
            return {"value": digest([content, key])}

        stage = Stage(name, key, 1.0, work, after)
        return stage


def replace_the_work(log: Path) -> None:
    """Put the stand-in in the place of models and rows."""
    runner.Inputs = lambda model: None
    runner.Workshop = lambda inputs, store: StandIn(log, store)
    plan.result_row = lambda study, trial, kept: {
        "method": trial.method,
        "seed": trial.seed,
        "values": {name: each["result"]["value"] for name, each in kept.items()},
    }
    run = runner.Store.run

    def ended(self, stage, report):
        content = run(self, stage, report)
        told(log, "end", stage.folder, os.getpid())
        return content

    runner.Store.run = ended


def move_apart(expiry: float) -> None:
    """Take away what processes of one machine know of each other."""
    leases.is_gone = lambda identity: False
    sharing.EXPIRY = expiry
    sharing.Leases = functools.partial(leases.Leases, expiry=expiry)


def take_locks_and_links() -> None:
    def refused(*arguments, **options):
        raise OSError(errno.ENOTSUP, "not on this file system")

    fcntl.flock = os.link = refused


def forked(config, out: str, host: str = "") -> int:
    child = os.fork()
    if child:
        return child
    if host:
        socket.gethostname = lambda: host
    try:
        study.run(config, out, share=True, progress=False)
    except BaseException:  # noqa: BLE001, the child must not return
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def kill_workers(
    config, outs: list[str], log: Path, kills: int, seed: int, *, apart: bool
) -> None:
    moments = random.Random(seed)
    hosts = [f"host{each}" if apart else "" for each in range(WORKERS)]
    places = list(zip((outs * WORKERS)[:WORKERS], hosts, strict=True))
    workers = [forked(config, *place) for place in places]
    wanted = 0
    for _ in range(kills):
        wanted += moments.randint(1, 8)
        while lines(log) < wanted:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.02))
        victim = moments.randrange(WORKERS)
        os.kill(workers[victim], signal.SIGKILL)
        _, status = os.waitpid(workers[victim], 0)
        if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
            told(log, "killed", workers[victim])
        workers[victim] = forked(config, *places[victim])
    for worker in workers:
        _, status = os.waitpid(worker, 0)
        assert status == 0, status


def lines(log: Path) -> int:
    return log.read_bytes().count(b"\n")


def main(out: str, log: str, seeds: str, kills="0", seed="0", place="near") -> None:
    path = Path(log)
    path.touch()
    replace_the_work(path)
    if place != "near":
        move_apart(2.0 if place == "far" else 4.0)
    if place == "far":
        take_locks_and_links()
    model = path.with_name("model.gguf")
    model.touch()
    methods = ("none", "sft", "vaccine")
    config = tiny_study(model, methods=methods, poison=(0, 0.2), seeds=int(seeds))
    if int(kills):
        outs, apart = out.split(os.pathsep), place != "near"
        kill_workers(config, outs, path, int(kills), int(seed), apart=apart)
    else:
        study.run(config, out, progress=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
