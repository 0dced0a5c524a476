"""`VaccineMixin` under transformers' trainer against the Swift step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

SCRIPT = Path(__file__).with_name("mixin_run.py")
BOUND = 1e-4


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(("family", "accumulation"), [("llama", 2), ("opt", 1)])
def test_its_steps_are_those_of_the_swift_engine(
    tmp_path: Path, processes: int, family: str, accumulation: int
) -> None:
    pytest.importorskip("transformers")
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    found = subprocess.run(
        [
            *(sys.executable, *(launcher if processes > 1 else []), str(SCRIPT)),
            *(str(tmp_path), family, str(accumulation)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-4000:]
    assert float(found.stdout.strip().splitlines()[-1]) <= BOUND


@pytest.mark.parametrize("name", ["fsdp", "deepspeed"])
def test_sharded_parameters_are_refused_by_name(name: str) -> None:
    pytest.importorskip("torch")
    from vaccine_swift.integrations.transformers import VaccineMixin

    class Sharded:
        is_fsdp_enabled = name == "fsdp"
        is_deepspeed_enabled = name == "deepspeed"

    class Trainer(VaccineMixin, Sharded):
        pass

    with pytest.raises(ValueError, match=f"{name} must be off"):
        Trainer(rho=1.0)
    with pytest.raises(ValueError, match="rho must be at least 0"):
        Trainer(rho=-1.0)
