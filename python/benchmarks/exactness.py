"""What bfloat16 costs in exactness: one step beside float32, and 200 steps of training.

SmolLM2-135M on the shipped alignment rows. One Vaccine step in either precision from
the same adapter, whose B is not zero, without dropout and with it (the masks are the
same): cosine of every layer's ε and of every LoRA gradient. Then loss curves of Vaccine
in both precisions, which may be stopped and started again. Parts can be measured apart
and are put together in one file, `results/<date>-exactness.json`, with a figure.

    python python/benchmarks/exactness.py [--threads 2] [--parts step float32 bfloat16]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import recording
import workload

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2

DTYPES = ("float32", "bfloat16")
SEED = 43
STEP_ROWS, CURVE_ROWS, CURVE_STEPS = 5, 1, 200
B_DEVIATION = 0.05

Floats = npt.NDArray[np.float32]


def adapted(dtype: str, *, dropout: float) -> vs.CausalLM:
    """SmolLM2 with a fresh adapter, the same in every precision."""
    model = vs.CausalLM.from_pretrained(fetch_smollm2(), dtype=dtype)
    model.add_adapter(
        vs.LoRAConfig(
            r=workload.RANK,
            lora_alpha=workload.ALPHA,
            lora_dropout=dropout,
            target_modules=list(workload.TARGETS),
        ),
        seed=SEED,
    )
    return model


def randomise(model: vs.CausalLM) -> None:
    """B ~ N(0, 0.05²), so that gradients reach A and the adapter changes the model."""
    generator = np.random.default_rng(SEED)
    for name, shape in model._model.tensors("adapter"):
        if "lora_B" in name:
            values = generator.normal(0, B_DEVIATION, shape).astype(np.float32)
            model._model.write("adapter", name, values)


def one_step(dtype: str, rows: int, *, dropout: float) -> dict[str, Any]:
    """Loss, ε of every layer and LoRA gradients of one Vaccine step."""
    model = adapted(dtype, dropout=dropout)
    randomise(model)
    data = vs.data.load(vs.data.alignment_rows(seed=0)[:rows], model.tokenizer)
    report = model.forward_backward(
        vs.Batch.pack(data), method=vs.Vaccine(workload.RHO), seed=SEED
    )
    layers = {f"layer {i}": e.copy() for i, e in enumerate(model.perturbations())}
    return {
        "losses": {"clean_loss": report.clean_loss, "loss": report.loss},
        "perturbations": layers,
        "gradients": model.gradients(),
        "tokens": report.tokens,
    }


def cosine(left: Floats, right: Floats) -> float:
    """Cosine of the angle between two arrays taken as vectors."""
    a, b = left.ravel().astype(np.float64), right.ravel().astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def compare(dropout: float) -> dict[str, Any]:
    """Both precisions on one batch."""
    exact, rounded = (one_step(d, STEP_ROWS, dropout=dropout) for d in DTYPES)
    result: dict[str, Any] = {
        "dropout": dropout,
        "tokens": exact["tokens"],
        "losses": {
            d: s["losses"] for d, s in zip(DTYPES, (exact, rounded), strict=True)
        },
    }
    for kind in ("perturbations", "gradients"):
        result[kind] = {
            name: cosine(values, rounded[kind][name])
            for name, values in exact[kind].items()
        }
        print(f"dropout {dropout}, {kind}: {summary(result[kind].values())}")
    return result


def summary(cosines: Iterable[float]) -> dict[str, float]:
    """Smallest, median, and how many there are below 0.99."""
    values = np.array(list(cosines))
    return {
        "minimum": float(values.min()),
        "median": float(np.median(values)),
        "count": len(values),
        "below_0.99": int((values < 0.99).sum()),
    }


def curve(dtype: str, folder: Path) -> dict[str, Any]:
    """Losses of Vaccine steps on single rows; goes on where it was stopped."""
    model = adapted(dtype, dropout=workload.DROPOUT)
    arguments = vs.TrainingArguments(
        output_dir=folder,
        max_steps=CURVE_STEPS,
        per_device_train_batch_size=CURVE_ROWS,
        learning_rate=workload.LEARNING_RATE,
        weight_decay=workload.WEIGHT_DECAY,
        max_grad_norm=workload.MAX_GRAD_NORM,
        seed=SEED,
        logging_steps=1,
        save_steps=20,
        save_total_limit=1,
        report_to="none",
    )
    data = vs.data.load(vs.data.alignment_rows(seed=0), model.tokenizer)
    trainer = vs.Trainer(
        model, arguments, train_dataset=data, method=vs.Vaccine(workload.RHO)
    )
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")))
    logs = [entry for entry in trainer.state.log_history if "clean_loss" in entry]
    return {key: [entry[key] for entry in logs] for key in ("clean_loss", "loss")}


def differences(runs: dict[str, Any]) -> dict[str, Any]:
    """How far apart the two loss curves are."""
    exact, rounded = (np.array(runs[dtype]["loss"]) for dtype in DTYPES)
    last = slice(-CURVE_STEPS // 4, None)
    return {
        "mean_difference": float((rounded - exact).mean()),
        "mean_absolute_difference": float(np.abs(rounded - exact).mean()),
        "largest_difference": float(np.abs(rounded - exact).max()),
        "last_quarter_means": [float(exact[last].mean()), float(rounded[last].mean())],
    }


def draw(results: dict[str, Any]) -> None:
    """Cosines by depth on the left, loss curves on the right."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for step, marker in zip(results["steps"], ("o", "x"), strict=True):
        epsilons = list(step["perturbations"].values())
        label = f"ε, dropout {step['dropout']}"
        left.plot(epsilons, marker, color="black", markersize=4, label=label)
        names = [name.split(".layers.")[1] for name in step["gradients"]]
        layers = [int(name.split(".")[0]) for name in names]
        left.plot(
            layers,
            list(step["gradients"].values()),
            marker,
            color=recording.COLOURS["bfloat16"],
            markersize=3,
            alpha=0.5,
            label=f"LoRA gradients, dropout {step['dropout']}",
        )
    left.axhline(0.99, color="grey", linewidth=0.8)
    left.set(xlabel="layer", ylabel="cosine with float32")
    left.legend(frameon=False, fontsize=8)
    runs = results["curves"]
    for dtype, style in zip(DTYPES, ("-", "--"), strict=True):
        colour = recording.COLOURS[dtype]
        right.plot(runs[dtype]["loss"], style, color=colour, linewidth=1, label=dtype)
    right.set(xlabel="Vaccine step", ylabel="loss under perturbation")
    right.legend(frameon=False)
    recording.IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(recording.IMAGES / "exactness.png", dpi=110)


def main() -> None:
    """Measure what is asked, join it with the day's other parts, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parts = ("step", *DTYPES)
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    work = Path(tempfile.gettempdir()) / "vaccine-exactness"
    parser.add_argument("--work", type=Path, default=work, help="for checkpoints")
    arguments = parser.parse_args()
    vs.set_num_threads(arguments.threads)
    results = recording.continued("exactness", threads=arguments.threads)
    if "step" in arguments.parts:
        results["steps"] = [compare(dropout) for dropout in (0.0, workload.DROPOUT)]
    for dtype in filter(arguments.parts.__contains__, DTYPES):
        folder = arguments.work / dtype
        results.setdefault("curves", {})[dtype] = curve(dtype, folder)
    if results.get("steps") and len(results.get("curves", {})) == len(DTYPES):
        results["differences"] = differences(results["curves"])
        print(results["differences"])
        draw(results)
    recording.save(results, "exactness")


if __name__ == "__main__":
    main()
