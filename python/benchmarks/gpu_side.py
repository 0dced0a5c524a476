"""One side of `gpu.py`: a Llama of random weights on a device, in its own process.

Both sides have the same weights, adapter settings and batches. `ours` is the package's
torch engine; `authors` is the port of the authors' hooks in `torch_side.py`, over PEFT,
with the base model in the given precision and autocast, as their scripts train.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import process
import torch
import torch_side
import workload
from peft import LoraConfig, get_peft_model

import vaccine_swift as vs
from vaccine_swift.engines.torch import TorchModel
from vaccine_swift.families import core_configuration

SHAPES = {
    # Llama 2 7B.
    "7b": (4096, 11008, 32, 32, 32000),
    "tiny": (32, 48, 2, 4, 61),
}
TAIL = ("o_proj", "gate_proj", "up_proj", "down_proj")
"""The projections of a layer that follow its attention."""
POOL = 1 << 20
"""Different weights; a tensor repeats them."""


def configuration(shape: str, layers: int | None) -> dict[str, Any]:
    """A `config.json` of a Llama."""
    hidden, inner, depth, heads, vocabulary = SHAPES[shape]
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers or depth,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "max_position_embeddings": 4096,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def random_model(
    config: dict[str, Any], dtype: str, device: str, *, checkpointing: bool
) -> vs.CausalLM:
    """Weights ~ N(0, 0.02²), norms 1, written tensor by tensor."""
    fields = core_configuration(config, dtype=dtype)
    model = TorchModel(fields, config, device=device, checkpointing=checkpointing)
    pool = np.random.default_rng(0).normal(0, 0.02, POOL).astype(np.float32)
    for name, shape in model.tensors("weight"):
        values = np.ones(shape, np.float32)
        model.write(
            "weight", name, np.resize(pool, shape) if len(shape) > 1 else values
        )
    model.check_complete()
    return vs.CausalLM(model, config)


def our_step(model: vs.CausalLM, method: str) -> Callable[[Any, int], float]:
    """A step through the package's verbs."""
    model.add_adapter(
        vs.LoRAConfig(
            r=workload.RANK,
            lora_alpha=workload.ALPHA,
            lora_dropout=workload.DROPOUT,
            target_modules=list(workload.TARGETS),
        ),
        seed=43,
    )
    optimiser = model.engine.adamw(
        beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=workload.WEIGHT_DECAY
    )
    recipe = vs.Vaccine(workload.RHO) if method == "vaccine" else vs.SFT()

    def step(rows: Any, number: int) -> float:
        batch = vs.Batch.pack([vs.Example(row.input_ids, row.labels) for row in rows])
        model.zero_gradients()
        report = model.forward_backward(batch, recipe, seed=43, stream=number)
        optimiser.step(model.core, workload.LEARNING_RATE, workload.MAX_GRAD_NORM)
        return report.loss

    return step


def authors_step(
    model: vs.CausalLM, method: str, dtype: str
) -> Callable[[Any, int], float]:
    """A step by the authors' hooks over the same weights."""
    device = torch.device(model.device)
    held = model.core.module
    adapted: Any = get_peft_model(
        held,
        LoraConfig(
            r=workload.RANK,
            lora_alpha=workload.ALPHA,
            lora_dropout=workload.DROPOUT,
            target_modules=list(workload.TARGETS),
            task_type="CAUSAL_LM",
        ),
    ).train()
    adapted.enable_input_require_grads()
    parameters = [each for each in adapted.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=workload.LEARNING_RATE, weight_decay=workload.WEIGHT_DECAY
    )
    passes = getattr(torch_side, f"{method}_step")
    cast: Any = nullcontext
    if dtype != "float32":

        def cast() -> Any:
            return torch.autocast(device.type, getattr(torch, dtype))

    def step(rows: Any, _number: int) -> float:
        inputs = torch_side.collate(rows, pad_id=0)
        inputs = {name: each.to(device) for name, each in inputs.items()}
        adapted.zero_grad()
        loss: float = passes(adapted, inputs, workload.RHO, cast)
        torch.nn.utils.clip_grad_norm_(parameters, workload.MAX_GRAD_NORM)
        optimiser.step()
        return loss

    return step


def peak_gflops(device: str, dtype: str, config: dict[str, Any]) -> float:
    """The best of several products of the model's largest shape."""
    rows, inner = 2048, config["hidden_size"]
    shape = (rows, config["intermediate_size"])
    kind = getattr(torch, dtype)
    left = torch.randn(rows, inner, device=device, dtype=kind)
    right = torch.randn(inner, shape[1], device=device, dtype=kind)
    best = math.inf
    for _ in range(8):
        settle(device)
        begin = time.perf_counter()
        torch.mm(left, right)
        settle(device)
        best = min(best, time.perf_counter() - begin)
    return 2.0 * rows * inner * shape[1] / best / 1e9


def settle(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main() -> None:
    """Run one side and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", choices=["ours", "authors"])
    parser.add_argument("--method", choices=["vaccine", "sft"], default="vaccine")
    parser.add_argument("--shape", choices=SHAPES, default="7b")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(43)
    device, dtype = arguments.device, arguments.dtype
    config = configuration(arguments.shape, arguments.layers)
    started = time.perf_counter()
    peak = peak_gflops(device, dtype, config)
    model = random_model(config, dtype, device, checkpointing=arguments.checkpointing)
    loaded = time.perf_counter() - started
    weights = dict(model.core.tensors("weight"))
    if arguments.side == "ours":
        step = our_step(model, arguments.method)
    else:
        step = authors_step(model, arguments.method, dtype)
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds, busy, losses = [], [], []
    for number, rows in enumerate(workload.batches(config["vocab_size"])):
        settle(device)
        begin, begin_busy = time.perf_counter(), time.process_time()
        losses.append(step(rows, number))
        settle(device)
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - begin_busy)
    used = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None
    last = config["num_hidden_layers"] - 1
    matrices = {
        name: math.prod(shape) for name, shape in weights.items() if "_proj." in name
    }
    process.report(
        {
            "step_seconds": seconds,
            "processor_seconds": busy,
            "losses": losses,
            "load_seconds": loaded,
            "peak_mib": process.memory("VmHWM") if used is None else used,
            "peak_gflops": peak,
            "block_parameters": sum(matrices.values()),
            "tail_parameters": sum(
                size
                for name, size in matrices.items()
                if f".{last}." in name and name.split(".")[-2] in TAIL
            ),
            "head_parameters": math.prod(weights["lm_head.weight"]),
            "device": torch.cuda.get_device_name() if on_gpu else device,
            "versions": torch_side.versions() | {"vaccine_swift": vs.__version__},
        }
    )


if __name__ == "__main__":
    main()
