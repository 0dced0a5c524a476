"""Write the golden files: tiny random models with every intermediate of a Vaccine step.

Needs torch, transformers and peft (versions go into the files). PyTorch computes in
float64 from the stored float32 weights; results are stored in float32, scalars in
float64. The names of the tensors stand in `Tests/Golden/README.md`.

    python python/reference/write_golden.py            # all cases
    python python/reference/write_golden.py --check    # compare with what is committed
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
import transformers
from golden_cases import CASES, Case, first_batch, second_batch
from safetensors.numpy import load_file, save_file
from tiny_models import build
from torch_oracle import (
    PaddedBatch,
    Sequences,
    adapter_state,
    as_float64,
    causal_loss,
    step,
    turned_alone,
)
from torch_training import train

from vaccine_swift._plurals import counted
from vaccine_swift.families import core_configuration

GOLDEN = Path(__file__).resolve().parents[2] / "Tests" / "Golden"

Tensors = dict[str, np.ndarray]


def versions() -> dict[str, str]:
    """What the files were written with."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "numpy": np.__version__,
    }


def packed(prefix: str, sequences: Sequences) -> Tensors:
    """`{prefix}/input_ids` [T], `labels` [T] and `offsets` [B+1], all int32."""
    offsets = np.cumsum([0] + [len(ids) for ids, _ in sequences])
    return {
        f"{prefix}/input_ids": np.concatenate([ids for ids, _ in sequences]),
        f"{prefix}/labels": np.concatenate([labels for _, labels in sequences]),
        f"{prefix}/offsets": offsets.astype(np.int32),
    }


def compute(case: Case) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata of one case."""
    generator = np.random.default_rng(case.seed)
    single, weights = build(case.config, case.adapter, generator)
    vocabulary = case.config["vocab_size"]
    batches = [first_batch(vocabulary, generator), second_batch(vocabulary, generator)]
    model = as_float64(copy.deepcopy(single))
    _check_against_float32(model, single, batches[0])

    vaccine = step(model, batches[0], rho=case.rho)
    plain = step(model, batches[0])
    tensors: Tensors = {
        "expected/logits": vaccine.logits,
        "expected/attention_outputs": vaccine.attention_outputs,
        "expected/attention_gradients": vaccine.attention_gradients,
        "expected/perturbations": vaccine.perturbations,
    }
    tensors |= {f"weight/{name}": values for name, values in weights.items()}
    tensors |= {
        f"adapter/{name}": values for name, values in adapter_state(model).items()
    }
    tensors |= {
        f"gradient/{name}": values for name, values in vaccine.gradients.items()
    }
    tensors |= {
        f"sft_gradient/{name}": values for name, values in plain.gradients.items()
    }
    series: dict[str, Any] = {
        "clean_loss": vaccine.clean_loss,
        "loss": vaccine.loss,
        "attention_gradient_norm": vaccine.attention_gradient_norm,
        "perturbation_norms": vaccine.perturbation_norms,
        "gradient_norm": _norm(vaccine.gradients),
        "sft_gradient_norm": _norm(plain.gradients),
    }
    steps = range(case.training.max_steps)
    plan = [[(batches[index % len(batches)], 1.0)] for index in steps]
    for prefix, rho in (("", case.rho), ("sft_", 0.0)):
        trained = copy.deepcopy(model)
        run = train(trained, plan, case.training, rho=rho)
        tensors |= {
            f"{prefix}trained/{n}": v for n, v in adapter_state(trained).items()
        }
        series[f"{prefix}training_losses"] = run.losses
        series[f"{prefix}training_gradient_norms"] = run.gradient_norms
        series["learning_rates"] = run.learning_rates
        clipped = sum(norm > case.training.max_grad_norm for norm in run.gradient_norms)
        assert 0 < clipped < case.training.max_steps, (case.name, run.gradient_norms)
    tensors = {name: _float32(values) for name, values in tensors.items()}
    tensors |= packed("batch", batches[0]) | packed("second_batch", batches[1])
    tensors |= {
        f"expected/{n}": np.array(v, dtype=np.float64) for n, v in series.items()
    }
    metadata = {
        "config": json.dumps(case.config),
        "description": json.dumps(core_configuration(case.config)),
        "lora": json.dumps(asdict(case.adapter)),
        "method": json.dumps({"rho": case.rho}),
        "training": json.dumps(asdict(case.training)),
        "versions": json.dumps(versions()),
    }
    return tensors, metadata


def _check_against_float32(
    model: torch.nn.Module, single: torch.nn.Module, sequences: Sequences
) -> None:
    """The float64 model is transformers' own float32 model, up to float32 rounding."""
    batch = PaddedBatch.of(sequences)
    with (
        torch.no_grad(),
        turned_alone(model, batch.mask),
        turned_alone(single, batch.mask),
    ):
        double = model(input_ids=batch.input_ids, attention_mask=batch.mask).logits
        output = single(
            input_ids=batch.input_ids, attention_mask=batch.mask, labels=batch.labels
        )
    real = batch.mask.bool()
    error = (double[real] - output.logits[real]).abs().max().item()
    loss_error = abs(causal_loss(double, batch.labels).item() - output.loss.item())
    assert error < 1e-4, error
    assert loss_error < 1e-5, loss_error


def _norm(gradients: Tensors) -> float:
    return float(np.sqrt(sum(np.square(g).sum() for g in gradients.values())))


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def write(case: Case, folder: Path) -> Path:
    """Compute one case and write its file."""
    tensors, metadata = compute(case)
    path = folder / f"{case.name}.safetensors"
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, metadata=metadata)
    temporary.chmod(0o644)
    temporary.replace(path)
    print(
        f"{path.name}: {counted(len(tensors), 'tensor')}, "
        f"{counted(path.stat().st_size, 'byte', form=',')}"
    )
    return path


def check(case: Case, folder: Path) -> None:
    """Compare a fresh computation with the committed file; raise on a difference."""
    committed = load_file(folder / f"{case.name}.safetensors")
    fresh, _ = compute(case)
    assert fresh.keys() == committed.keys(), case.name
    for name, values in committed.items():
        np.testing.assert_allclose(
            fresh[name], values, rtol=1e-5, atol=1e-6, err_msg=name
        )
    print(f"{case.name}: agrees")


def write_manifest(paths: list[Path], folder: Path) -> None:
    """Record size and sha256 of every file."""
    manifest = {
        path.name: {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(paths)
    }
    target = folder / "manifest.json"
    temporary = target.with_suffix(".partial")
    temporary.write_text(json.dumps(manifest, indent=2) + "\n")
    temporary.replace(target)


def main() -> None:
    """Write or check all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--folder", type=Path, default=GOLDEN)
    parser.add_argument("--only", nargs="*", help="names of cases; default all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [c for c in CASES if not arguments.only or c.name in arguments.only]
    if arguments.check:
        for case in chosen:
            check(case, arguments.folder)
        return
    for case in chosen:
        write(case, arguments.folder)
    paths = [arguments.folder / f"{case.name}.safetensors" for case in CASES]
    write_manifest(paths, arguments.folder)


if __name__ == "__main__":
    main()
