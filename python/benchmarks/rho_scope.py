"""What norms of each process change: one Vaccine step on 1 to 16 ranks.

SmolLM2-135M with an adapter whose B is not zero, one batch of shipped alignment rows,
divided among R ranks as a data-parallel job divides it, each of which gives its own
rows an ε of norm ρ: ``rho_scope="rank"``, and what the authors' trainer does when it is
put into R processes. The parts are computed one after another in one process. Measured
are ‖ε‖ of the batch, how much ε adds to the loss, and the relative distance of the LoRA
gradient from that of one machine, which ``rho_scope="batch"`` gives on any number of
ranks. Writes `results/<date>-rho_scope.json` and a figure.

    python python/benchmarks/rho_scope.py [--threads 2] [--smoke]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import recording
import workload
from exactness import SEED, adapted, randomise

import vaccine_swift as vs
from vaccine_swift.distributed.parts import borders
from vaccine_swift.methods import Worst

RANKS = (1, 2, 4, 8, 16)
ROWS = 16


def prepared(*, smoke: bool) -> tuple[vs.CausalLM, vs.Batch]:
    """The model and the batch; tiny and random for a smoke test."""
    if smoke:
        model = vs.CausalLM.from_config(vs.tiny_config())
        model.add_adapter(vs.LoRAConfig(r=4), seed=SEED)
        randomise(model)
        rows = [range(n, n + 9 + n % 3) for n in range(ROWS)]
        data = [vs.Example(row, [-100, *row[1:]]) for row in rows]
        return model, vs.Batch.pack(data)
    model = adapted("float32", dropout=0.0)
    randomise(model)
    data = vs.data.load(vs.data.alignment_rows(seed=0)[:ROWS], model.tokenizer)
    return model, vs.Batch.pack(data)


def step(
    model: vs.CausalLM, batch: vs.Batch, ranks: int
) -> tuple[dict[str, Any], np.ndarray]:
    """One step's figures and its LoRA gradient, flat."""
    places = borders(batch, ranks)
    counts = np.diff(batch.supervised_offsets[places])
    shares = (counts / batch.supervised).tolist()
    model.zero_gradients()
    reports = [
        model.engine.forward_backward(
            batch,
            perturbation=Worst(workload.RHO),
            sequences=range(int(first), int(last)),
            weight=share,
        )
        for first, last, share in zip(places, places[1:], shares, strict=False)
    ]
    norms = [np.linalg.norm(report.perturbation_norms) for report in reports]
    clean, moved = (
        math.fsum(s * getattr(r, name) for s, r in zip(shares, reports, strict=True))
        for name in ("clean_loss", "loss")
    )
    figures = {"ranks": ranks, "norm": float(np.linalg.norm(norms))}
    figures |= {"clean_loss": clean, "loss": moved}
    return figures, model.engine.gradient.numpy().astype(np.float64)


def draw(steps: list[dict[str, Any]], path: Path) -> None:
    """A panel for each of the three, over ranks."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    ranks = [each["ranks"] for each in steps]
    series = {
        "‖ε‖ of the batch": [each["norm"] for each in steps],
        "loss that ε adds": [each["loss"] - each["clean_loss"] for each in steps],
        "distance of the LoRA gradient": [each["distance"] for each in steps],
    }
    for panel, (title, values) in zip(panels, series.items(), strict=True):
        panel.plot(
            ranks,
            values,
            "o-",
            color=recording.COLOURS["bfloat16"],
            label='rho_scope="rank"',
        )
        panel.plot(
            ranks,
            [values[0]] * len(ranks),
            "--",
            color=recording.COLOURS["float32"],
            label='rho_scope="batch"',
        )
        panel.set_xscale("log", base=2)
        panel.set_xticks(ranks, [str(each) for each in ranks])
        panel.set_ylim(bottom=0)
        panel.set(xlabel="ranks", title=title)
    panels[0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--smoke", action="store_true", help="a tiny model, no file")
    arguments = parser.parse_args()
    vs.set_num_threads(arguments.threads)
    model, batch = prepared(smoke=arguments.smoke)
    steps: list[dict[str, Any]] = []
    alone = np.zeros(0)
    for ranks in RANKS:
        figures, gradient = step(model, batch, ranks)
        alone = gradient if ranks == 1 else alone
        away = np.linalg.norm(gradient - alone) / np.linalg.norm(alone)
        steps.append(figures | {"distance": float(away)})
        print(steps[-1])
    if not arguments.smoke:
        settings = {"rho": workload.RHO, "rows": ROWS, "tokens": batch.tokens}
        results = recording.heading() | settings | {"steps": steps}
        recording.save(results, Path(__file__).stem)
        draw(steps, recording.IMAGES / "rho_scope.png")


if __name__ == "__main__":
    main()
