"""A slice of the fuzzer with fixed seeds, and the watch over its workers."""

from __future__ import annotations

import contextlib
import json
import time
import warnings
from pathlib import Path

import pytest

from fuzz import campaign, watch
from fuzz.calls import missing
from fuzz.corpus import make_corpus
from fuzz.draw import Draw
from fuzz.models import DESCRIPTIONS, new_model
from fuzz.targets import METHODS
from fuzz.watch import Finding, run
from vaccine_swift.families import FAMILIES

SEEDS = Path(watch.__file__).with_name("seeds.txt").read_text().splitlines()


def test_drawing_itself_raises_nothing() -> None:
    """What the generator did wrong would be taken for a documented refusal."""
    for seed in range(4000):
        draw = Draw(f"drawing {seed}")
        value = draw.anything()
        for _ in range(6):
            value = draw.spoilt(value)


def test_most_calls_of_a_training_step_get_past_its_checks() -> None:
    passed = dict.fromkeys(("forward_backward", "attention_gradients", "generate"), 0)
    for seed in range(60):
        draw = Draw(f"steps {seed}")
        model = new_model(draw)
        for name in passed:
            options = METHODS[name](model, draw)
            with contextlib.suppress(ValueError):
                getattr(model, name)(**options)
                passed[name] += 1
    assert min(passed.values()) > 10, passed


def test_every_file_is_read_before_it_is_changed(tmp_path: Path) -> None:
    kinds = make_corpus(tmp_path / "corpus")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in kinds:
            kind.read(kind.path)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_called(family: str) -> None:
    words = FAMILIES[family].modules.keys()
    known = [{n for n in d if n.startswith("names.")} for d in DESCRIPTIONS]
    assert {f"names.{word}" for word in words} in known


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


def test_a_campaign_has_the_calls_and_files_that_were_asked_for() -> None:
    made = list(campaign.chunks(10**6, 10**5, 7))
    sums = dict.fromkeys(("files", "calls", "threads"), 0)
    for chunk in made:
        assert chunk.first == 7 + sums[chunk.kind]
        sums[chunk.kind] += chunk.count
    assert sums["files"] == 10**5
    assert 5 * sums["calls"] + 26 * sums["threads"] >= 10**6


def test_a_campaign_goes_on_from_its_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "record.jsonl"
    command = ["--calls", "60", "--files", "3", "--record", str(record), "--jobs", "2"]
    assert campaign.main(command) == 0
    lines = record.read_text().splitlines()
    assert [json.loads(line)["cases"] for line in sorted(lines)] == [6, 3, 2]
    printed = capsys.readouterr().out
    assert "files: 3 files, 0 deaths, 0 hangs, 0 exceptions" in printed
    record.write_text(lines[0] + "\n")
    assert campaign.main(command) == 0
    again = record.read_text().splitlines()
    assert again[0] == lines[0]
    named = [{json.loads(line)["kind"] for line in each} for each in (lines, again)]
    assert len(again) == len(lines)
    assert named[0] == named[1]


def test_a_campaign_tells_deaths_from_hangs_and_exceptions() -> None:
    said = ["ended by SIGBUS", "no end after 10 s", "builtins.KeyError: 'a'"]
    findings = [{"kind": "calls", "seed": 3, "what": what} for what in said]
    line = {"kind": "calls", "cases": 9, "calls": 50, "seconds": 1.0, "called": {}}
    text = campaign.summary([{**line, "findings": findings}])
    assert "calls: 50 calls in 9 cases, 1 deaths, 1 hangs, 1 exceptions" in text
    assert "calls 3: ended by SIGBUS" in text


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
