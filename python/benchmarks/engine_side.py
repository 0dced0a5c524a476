"""Our side: `vaccine_swift` on the same work, in a process of its own."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

STARTED = time.perf_counter()

import process  # noqa: E402
import workload  # noqa: E402

import vaccine_swift as vs  # noqa: E402
from vaccine_swift import _core  # noqa: E402

TAIL = ("o_proj", "gate_proj", "up_proj", "down_proj")
"""The projections of a layer that follow its attention."""


def main() -> None:
    """Run one method and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a .gguf file or a directory")
    parser.add_argument("--method", choices=["vaccine", "sft"], default="vaccine")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "gguf"], default="float32"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="batch to begin with")
    parser.add_argument("--steps", type=int, help="how many; None: all")
    arguments = parser.parse_args()
    vs.set_num_threads(arguments.threads)
    imported = process.memory("VmRSS")
    begin = time.perf_counter()
    model = vs.CausalLM.from_pretrained(arguments.model, dtype=arguments.dtype)
    adapter = vs.LoRAConfig(
        r=workload.RANK,
        lora_alpha=workload.ALPHA,
        lora_dropout=workload.DROPOUT,
        target_modules=list(workload.TARGETS),
    )
    model.add_adapter(adapter, seed=43)
    loaded = time.perf_counter() - begin
    weights = dict(model._model.tensors("weight"))
    optimiser = _core.AdamW(model._model, 0.9, 0.999, 1e-8, workload.WEIGHT_DECAY)
    method = vs.Vaccine(workload.RHO) if arguments.method == "vaccine" else vs.SFT()
    projections = {
        name: math.prod(shape)
        for name, shape in weights.items()
        if "_proj.weight" in name
    }
    last = model.config["num_hidden_layers"] - 1
    vocabulary, hidden = weights["model.embed_tokens.weight"]
    batches = workload.batches(vocabulary)[arguments.first :][: arguments.steps]
    ready = time.perf_counter() - STARTED
    seconds, busy, losses = [], [], []
    for index, batch in enumerate(batches):
        begin, begin_busy = time.perf_counter(), time.process_time()
        packed = vs.Batch.pack([vs.Example(s.input_ids, s.labels) for s in batch])
        model.zero_gradients()
        report = model.forward_backward(packed, method=method, seed=43, stream=index)
        optimiser.step(model._model, workload.LEARNING_RATE, workload.MAX_GRAD_NORM)
        losses.append(report.loss)
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - begin_busy)
    process.report(
        {
            "step_seconds": seconds,
            "processor_seconds": busy,
            "losses": losses,
            "load_seconds": loaded,
            "first_step_starts_seconds": ready,
            "imported_mib": imported,
            "peak_mib": process.memory("VmHWM"),
            "block_parameters": sum(projections.values()),
            "tail_parameters": sum(
                size
                for name, size in projections.items()
                if f".{last}." in name and name.split(".")[-2] in TAIL
            ),
            "head_parameters": vocabulary * hidden,
            "versions": {
                "vaccine_swift": vs.__version__,
                "core": _core.build_description(),
            },
        }
    )


if __name__ == "__main__":
    main()
