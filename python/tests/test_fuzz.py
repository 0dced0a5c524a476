"""A slice of the fuzzer with fixed seeds, and the watch over its workers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fuzz import watch
from fuzz.calls import missing
from fuzz.watch import Finding, run

SEEDS = Path(watch.__file__).with_name("seeds.txt").read_text().splitlines()


def test_every_function_and_method_is_called() -> None:
    assert missing() == set(), "python/fuzz/targets.py must say what fits them"


@pytest.mark.parametrize(
    ("kind", "count"), [("calls", 250), ("threads", 25), ("files", 120)]
)
def test_a_slice_has_no_finding(kind: str, count: int) -> None:
    findings: list[Finding] = []
    total = run(kind, 0, count=count, seconds=120, report=findings.append)
    assert findings == []
    assert total.cases == count


def test_seeds_are_of_known_kinds() -> None:
    lines = [line.split() for line in SEEDS if not line.startswith("#")]
    assert {kind for kind, _ in lines} <= {"calls", "threads", "files"}
    assert all(seed.isdigit() for _, seed in lines)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("import os; os.kill(os.getpid(), 4)", "ended by SIGILL"),
        ("raise SystemExit(3)", "exit status 3"),
        ("import time; time.sleep(60)", "no end after 0 s"),
    ],
)
def test_deaths_and_hangs_are_findings(
    body: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that says that it is at case 7 of the second of three, and then ends."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import pathlib, struct, sys\n"
        "place = pathlib.Path(sys.argv[-1])\n"
        "first, last = int(sys.argv[2]), int(sys.argv[4])\n"
        "if first > 7:\n"
        "    place.write_bytes(struct.pack('<QQQ', last, 9, 0)); sys.exit()\n"
        "place.write_bytes(struct.pack('<QQQ', 7, 2, 1))\n"
        f"{body}\n"
    )
    monkeypatch.setattr(watch, "WORKER", [str(script)])
    monkeypatch.setattr(watch, "PATIENCE", 0.4)
    findings: list[Finding] = []
    started = time.monotonic()
    total = run("calls", 5, count=5, seconds=60, report=findings.append)
    assert [(each.kind, each.seed, each.what) for each in findings] == [
        ("calls", 7, what)
    ]
    assert (total.cases, total.calls) == (2 + 2, 2 + 9)
    assert time.monotonic() - started < 30
