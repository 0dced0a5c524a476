"""Ctrl-C and SIGTERM: while the program starts, in a talk, in a study."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_support import write_model

import vaccine_swift as vs
from vaccine_swift.cli import main
from vaccine_swift.machine.termination import Terminated

WAIT = """
import pathlib, time

def wait():
    pathlib.Path("{}").touch()
    time.sleep(300)

"""
# An import that Ctrl-C meets, alone and where Python makes another error of it.
SLOW = {
    "a module": "wait()",
    "a class": """
class Named:
    def __set_name__(self, owner, name):
        wait()

class Owner:
    named = Named()
""",
}


def interrupted_once_begun(
    arguments: list[str], path: str, begun: Path
) -> tuple[int, bytes]:
    """Status and output of Python with this path, sent Ctrl-C when a file is there."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": path},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=120)
    return process.returncode, told


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("words", [["align"], ["--version"]])
def test_ctrl_c_while_the_program_starts_ends_it_without_a_word(
    tmp_path, slow, words
) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "tqdm.py").write_text(WAIT.format(begun) + SLOW[slow])
    path = os.pathsep.join([str(tmp_path), str(Path(vs.__file__).parents[1])])
    ended = interrupted_once_begun(["-m", "vaccine_swift", *words], path, begun)
    assert ended == (-signal.SIGINT, b"")


# What the process still does at its end, and what it says of the first Ctrl-C.
LATE = {
    "at its end": "atexit.register(lambda: wait())",
    "while it tells of the first": "terminal.say = entry.say = lambda text: wait()",
}


@pytest.mark.parametrize("late", LATE)
def test_a_second_ctrl_c_shows_no_traceback(tmp_path, late) -> None:
    begun = tmp_path / "begun"
    path = str(Path(vs.__file__).parents[1])
    script = f"""{WAIT.format(begun)}
import atexit, sys
from vaccine_swift import __main__
from vaccine_swift.cli import entry, generate, terminal

def interrupted(options):
    raise KeyboardInterrupt

generate.run = interrupted
sys.argv[1:] = ["generate", "--model", "x", "--prompt", "x"]
{LATE[late]}
sys.exit(__main__.program())
"""
    status, told = interrupted_once_begun(["-c", script], path, begun)
    assert status in (130, -signal.SIGINT)
    assert b"Traceback" not in told
    assert told in (b"", b"vaccine-swift generate: interrupted\n")


@pytest.mark.parametrize("command", ["study", "demo"])
@pytest.mark.parametrize(
    ("interrupt", "status"), [(KeyboardInterrupt, 130), (Terminated, 143)]
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_study_says_what_is_kept_and_by_what_it_was_ended(
    tmp_path, monkeypatch, capsys, command, interrupt, status, is_there
) -> None:
    def ended(config, out, **_):
        if is_there:
            out.mkdir()
        raise interrupt

    monkeypatch.setattr("vaccine_swift.cli.study.run_study", ended)
    out = tmp_path / "out"
    options = ["--output-dir"] if command == "demo" else ["--preset", "smoke", "--out"]
    assert main([command, *options, str(out)]) == status
    kept = f"finished stages are in {out}" if is_there else "nothing is kept yet"
    assert capsys.readouterr().err == (
        f"vaccine-swift {command}: interrupted: {kept}, the same command goes on\n"
    )


def test_sigterm_ends_a_talk_in_the_midst_of_an_answer(
    tmp_path, monkeypatch, capsys
) -> None:
    def terminated(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    write_model(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hi\nBye\n"))
    monkeypatch.setattr(vs.CausalLM, "chat", terminated)
    assert main(["chat", "--model", str(tmp_path)]) == 143
    assert capsys.readouterr().err == "vaccine-swift chat: interrupted\n"
