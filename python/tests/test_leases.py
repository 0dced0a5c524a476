"""Leases: one holder, taken over from the dead, on file systems of every kind."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vaccine_swift.files import leases as module
from vaccine_swift.files import stages
from vaccine_swift.files.leases import Leases, members
from vaccine_swift.machine.processes import is_gone, process_identity

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def elsewhere(monkeypatch) -> None:
    """As if all members were of other machines, whose processes are not seen."""
    monkeypatch.setattr(module, "is_gone", lambda identity: False)


def stopped(leases: Leases) -> None:
    """End a member's signs of life, as a kill would."""
    leases._over.set()
    leases._heart.join()


def test_a_lease_has_one_holder(tmp_path):
    with Leases(tmp_path, {}) as one, Leases(tmp_path, {}) as other:
        assert one.take("a")
        assert not other.take("a")
        assert one.take("a")
        assert other.take("b")


def take_all(directory: Path, names: list[str], found) -> None:
    with Leases(directory, {}) as leases:
        found.put([name for name in names if leases.take(name)])
        time.sleep(2)


def test_processes_that_begin_together_divide_the_leases(tmp_path):
    names = [f"n{k}" for k in range(200)]
    found = SPAWN.Queue()
    processes = [
        SPAWN.Process(target=take_all, args=(tmp_path, names, found)) for _ in range(3)
    ]
    for each in processes:
        each.start()
    taken = [found.get(timeout=60) for _ in processes]
    for each in processes:
        each.join()
    assert sorted(name for each in taken for name in each) == sorted(names)


def test_who_leaves_gives_everything_back(tmp_path):
    with Leases(tmp_path, {}) as one:
        assert one.take("a")
    with Leases(tmp_path, {}) as other:
        assert other.take("a")
        assert [each["dead"] for each in members(tmp_path)].count(True) == 1


def test_the_silent_are_taken_over_after_the_expiry_by_one(tmp_path, elsewhere):
    dead = Leases(tmp_path, {}, expiry=1.0)
    assert dead.take("a")
    stopped(dead)
    with (
        Leases(tmp_path, {}, expiry=1.0) as one,
        Leases(tmp_path, {}, expiry=1.0) as other,
    ):
        assert not one.take("a")
        assert not other.take("a")
        assert not dead.is_lost("a")
        time.sleep(1.1)
        assert one.take("a")
        assert not other.take("a")
        assert dead.is_lost("a")
        time.sleep(1.1)
        assert not other.take("a"), "the new holder lives"


def test_clocks_that_disagree_change_nothing(tmp_path, elsewhere, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 1e6)
    with Leases(tmp_path, {}, expiry=1.0) as behind:
        assert behind.take("a")
        monkeypatch.setattr(time, "time", lambda: now + 1e6)
        with Leases(tmp_path, {}, expiry=1.0) as ahead:
            assert not ahead.take("a")
            time.sleep(1.1)
            assert not ahead.take("a")


def test_a_killed_process_of_this_machine_is_taken_over_at_once(tmp_path):
    script = (
        "import sys, time; from pathlib import Path;"
        "from vaccine_swift.files.leases import Leases;"
        "l = Leases(Path(sys.argv[1]), {}); l.take('a'); print(flush=True);"
        "time.sleep(60)"
    )
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    process.stdout.readline()
    with Leases(tmp_path, {}) as leases:
        assert not leases.take("a")
        process.kill()
        process.communicate()
        assert leases.take("a")


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_a_file_system_without_links_will_do(tmp_path, monkeypatch, number):
    def refused(*arguments):
        raise OSError(number, "no links")

    monkeypatch.setattr(os, "link", refused)
    with Leases(tmp_path, {}) as one, Leases(tmp_path, {}) as other:
        assert one.take("a")
        assert not other.take("a")


def test_a_reply_that_was_lost_is_no_loss(tmp_path, monkeypatch):
    link = os.link

    def linked_and_denied(*arguments):
        link(*arguments)
        raise FileExistsError

    monkeypatch.setattr(os, "link", linked_and_denied)
    with Leases(tmp_path, {}) as one:
        assert one.take("a")


@pytest.mark.parametrize("text", ["", "{", '{"beat": 1', "null", "[1]"])
def test_half_a_sign_of_life_is_no_error(tmp_path, text):
    with Leases(tmp_path, {}) as one:
        assert one.take("a")
        stopped(one)
        one._sign.write_text(text)
        with Leases(tmp_path, {}) as other:
            assert not other.take("a")
        assert len(members(tmp_path)) == 1


def test_members_tell_what_they_are_at(tmp_path):
    with Leases(tmp_path, {"build": "b"}, expiry=0.4) as leases:
        leases.tell(doing="work")
        time.sleep(0.3)
        (told,) = members(tmp_path)
    assert (told["build"], told["doing"], told["dead"]) == ("b", "work", False)
    assert told["beat"] > 1


def test_news_is_told_soon_and_much_of_it_in_one_sign(tmp_path):
    """Long before the next regular sign of life, which is 7.5 seconds away."""
    with Leases(tmp_path, {}, expiry=60.0) as leases:
        began = time.monotonic()
        for share in range(1, 201):
            leases.tell(share=share / 200)
        (told,) = members(tmp_path)
        while told.get("share") != 1.0 and time.monotonic() - began < 6:
            time.sleep(0.05)
            (told,) = members(tmp_path)
        assert told["share"] == 1.0
        assert told["beat"] <= 2 + (time.monotonic() - began) / 2


def test_a_folder_that_is_gone_is_an_error_of_the_taker(tmp_path):
    with Leases(tmp_path / "shared", {}) as leases:
        for each in (tmp_path / "shared").iterdir():
            each.unlink()
        (tmp_path / "shared").rmdir()
        with pytest.raises(FileNotFoundError):
            leases.take("a")


def test_a_process_is_known_by_its_start_and_machine():
    here = process_identity(os.getpid())
    assert not is_gone(here)
    assert is_gone([*here[:3], "1"]), "its number was given to another one"
    assert not is_gone(["another machine", *here[1:]])
    assert not is_gone([])
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = process_identity(child.pid)
    assert not is_gone(identity)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(identity), "nobody has asked for its status yet"
    child.communicate()
    assert is_gone(identity)
    assert process_identity(child.pid) == []


def test_without_locks_only_what_is_a_day_old_is_taken_as_left(tmp_path, monkeypatch):
    def no_locks(*arguments):
        raise OSError(errno.EBADF, "no locks on directories")

    monkeypatch.setattr(stages.fcntl, "flock", no_locks)
    for name, age in (("young", 3600), ("old", 90_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))
    stages.remove_unlocked(tmp_path.iterdir())
    assert [each.name for each in tmp_path.iterdir()] == ["young"]


@pytest.mark.parametrize(
    ("age", "is_left"), [(10, True), (86_000, True), (86_500, False)]
)
def test_a_lock_that_is_not_seen_loses_no_work_of_another_machine(
    tmp_path, monkeypatch, age, is_left
):
    """As of a mount by FUSE or Lustre, whose locks hold on its own machine alone."""
    with stages.stage_in(tmp_path, "a") as stage:
        (stage / "file").touch()
        monkeypatch.setattr(fcntl, "flock", lambda descriptor, operation: None)
        monkeypatch.setattr(socket, "gethostname", lambda: "another")
        then = time.time() - age
        os.utime(stage, (then, then))
        stages.remove_unlocked([stage])
        assert (stage / "file").exists() == is_left


def test_what_a_dead_process_of_this_machine_left_goes_at_once(tmp_path):
    with stages.stage_in(tmp_path, "a@b") as stage:
        name = stage.name
    (tmp_path / name).mkdir()
    stages.remove_unlocked([tmp_path / name])
    assert not (tmp_path / name).exists()


def test_a_sign_of_life_is_json_of_one_length(tmp_path):
    with Leases(tmp_path, {"build": "ρ"}) as leases:
        sizes = {leases._sign.stat().st_size}
        leases.tell(doing="x" * 300)
        leases._beat()
        sizes.add(leases._sign.stat().st_size)
        assert json.loads(leases._sign.read_text())["doing"] == "x" * 300
    assert sizes == {2048}


WATCHED = """
import json, sys, time
from pathlib import Path
from vaccine_swift.files.leases import Leases, members

folder, seen = sys.argv[1], set()


def watch(event, arguments):
    kind = event.partition(".")[0]
    if kind in ("fcntl", "os", "shutil", "tempfile"):
        seen.add((event, Path(str(arguments[event == "os.link"])).name))
    elif event == "open" and str(arguments[0]).startswith(folder):
        seen.add((f"open {arguments[1]}", Path(arguments[0]).name))


sys.addaudithook(watch)
with Leases(Path(folder), {}, expiry=0.4) as one:
    assert one.take("a") and one.take("b")
    time.sleep(0.3)
with Leases(Path(folder), {}) as other:
    assert other.take("a")
    members(Path(folder))
print(json.dumps(sorted(seen)))
"""


def test_a_file_system_is_asked_for_links_whole_writes_and_nothing_else(tmp_path):
    """No lock, rename, deletion or append: what NFS is weak in is not used."""
    folder = tmp_path / "shared"
    told = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    events: dict[str, set[str]] = {}
    for event, name in json.loads(told):
        kind = "sign" if name.startswith("member-") else name
        kind = "name" if name.endswith(".name") else kind
        events.setdefault(kind, set()).add(event)
    assert events.pop("shared") <= {"os.mkdir", "os.scandir"}
    assert events.pop("name") == {"open w"}
    # Made by touch(), then written over in place.
    assert events.pop("sign") == {"os.utime", "open None", "open r", "open r+"}
    assert events.keys() == {"a.1", "a.2", "b.1"}
    for name, found in events.items():
        assert found == {"os.link", "open r"}, name
