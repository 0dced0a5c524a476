"""A few of the kills of `fuzz.kills`, and that it sees what is lost or mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.kill_jobs import JOBS, Drift, Training
from fuzz.killed import Died
from fuzz.kills import campaign


@pytest.mark.parametrize("name", JOBS)
def test_nothing_is_lost_mixed_or_different(name: str, tmp_path: Path) -> None:
    assert campaign(JOBS[name], 3, 7, tmp_path).kills == 3


class Forgetful(Training):
    """Takes a checkpoint away after it has told of it."""

    def look(self, whole: Path, broken: Path) -> None:
        broken.with_suffix(".told").write_text("1000")
        super().look(whole, broken)


class Careless(Drift):
    """Writes over the file in place."""

    def look(self, whole: Path, broken: Path) -> None:
        file = broken / "state.npz"
        if file.exists():
            data = file.read_bytes()
            file.write_bytes(data[: len(data) // 2])
        super().look(whole, broken)


@pytest.mark.parametrize("job", [Forgetful(), Careless()])
def test_what_is_lost_or_half_written_is_seen(job, tmp_path: Path) -> None:
    with pytest.raises(Died):
        campaign(job, 20, 0, tmp_path)
