"""`VaccineMixin` under transformers' trainer against the Swift step."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from random_cases import random_case

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

SCRIPT = Path(__file__).with_name("mixin_run.py")
BOUND = 1e-4


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("kind", "family", "accumulation"),
    [
        ("transformers", "llama", 2),
        ("transformers", "opt", 1),
        ("trl", "llama", 2),
        ("trl", "qwen3", 1),
        ("trl", "opt", 3),
    ],
)
def test_its_steps_are_those_of_the_swift_engine(
    tmp_path: Path, processes: int, kind: str, family: str, accumulation: int
) -> None:
    pytest.importorskip(kind)
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    ran = subprocess.run(
        [
            *(sys.executable, *(launcher if processes > 1 else []), str(SCRIPT)),
            *(str(tmp_path), kind, family, str(accumulation)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    assert found["error"] <= BOUND
    if kind == "trl":
        assert found["counted"][: len(found["tokens"])] == found["tokens"]


UNSUPPORTED = {
    "fsdp": {"is_fsdp_enabled": True},
    "deepspeed": {"is_deepspeed_enabled": True},
    "DataParallel": {"args": SimpleNamespace(n_gpu=2)},
    "torch_compile": {"args": SimpleNamespace(n_gpu=1, torch_compile=True)},
    **{
        f"parallelism_config.{name}_size > 1": {
            "accelerator": SimpleNamespace(
                parallelism_config=SimpleNamespace(**{f"{name}_enabled": True})
            )
        }
        for name in ("tp", "cp", "sp")
    },
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_it_cannot_run_under_is_refused_by_name(name: str) -> None:
    pytest.importorskip("torch")
    from vaccine_swift.integrations.transformers import VaccineMixin

    class Under:
        def __init__(self) -> None:
            vars(self).update(UNSUPPORTED[name])

    class Trainer(VaccineMixin, Under):
        pass

    with pytest.raises(ValueError, match=f"{name}.* must be off"):
        Trainer(rho=1.0)
    with pytest.raises(ValueError, match="rho must be at least 0"):
        Trainer(rho=-1.0)


def test_names_that_it_asks_are_those_of_transformers_and_accelerate() -> None:
    """An attribute that is missing would count as off."""
    accelerate = pytest.importorskip("accelerate")
    transformers = pytest.importorskip("transformers")
    source = inspect.getsource(transformers.Trainer)
    for name in ("is_fsdp_enabled", "is_deepspeed_enabled", "self.accelerator"):
        assert name in source
    for name in ("tp_enabled", "cp_enabled", "sp_enabled"):
        assert hasattr(accelerate.ParallelismConfig, name)
    for name in ("n_gpu", "torch_compile"):
        assert hasattr(transformers.TrainingArguments, name)


def test_a_compiled_model_is_refused_and_not_trained_plainly(oracle) -> None:
    """Its modules' hooks would never run."""
    from vaccine_swift.integrations.transformers import VaccineMixin

    class Silent(oracle.torch.nn.Module):
        """Calls no module whose output is an attention's, as a compiled graph does."""

        def __init__(self, held) -> None:
            super().__init__()
            self.model, self.config = held.model, held.config
            self.scale = oracle.torch.nn.Parameter(oracle.torch.ones(()))

    class Trainer:
        accelerator = SimpleNamespace(unwrap_model=lambda model: model)
        compute_loss_context_manager = staticmethod(nullcontext)

        def _prepare_inputs(self, inputs):
            return inputs

        def compute_loss(self, model, inputs, num_items_in_batch=None):
            return model.scale * 1

    class VaccineTrainer(VaccineMixin, Trainer):
        pass

    held = random_case(oracle, 0).torch_model.get_base_model()
    ids = oracle.torch.zeros((1, 3), dtype=oracle.torch.long)
    with pytest.raises(RuntimeError, match="forward hooks"):
        VaccineTrainer(rho=1.0).training_step(Silent(held), {"input_ids": ids})
