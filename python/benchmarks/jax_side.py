"""A rival in JAX: the whole Vaccine step as one compiled function, in its own process.

The decoder of SmolLM2 with LoRA, written plainly: layers unrolled, the gradient of
every attention output by a zero added to it, AdamW with clipping, all inside one
`jax.jit`. Sequences are padded to a multiple of 64 tokens and supervised rows to a
multiple of 64, so that few shapes are compiled; logits are made for supervised rows
alone. Each shape runs once before anything is timed.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import process
import workload

BUCKET = 64
BETAS, EPSILON = (0.9, 0.999), 1e-8
PARTS = {
    **dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), "self_attn"),
    **dict.fromkeys(("gate_proj", "up_proj", "down_proj"), "mlp"),
}


def padded(batch: list[workload.Sequence]) -> dict[str, np.ndarray]:
    """Ids and lengths, and the supervised rows with their targets and weights."""
    lengths = np.array([len(each.input_ids) for each in batch])
    width = -(-lengths.max() // BUCKET) * BUCKET
    ids = np.zeros((len(batch), width), np.int32)
    rows, targets = [], []
    for index, each in enumerate(batch):
        ids[index, : len(each.input_ids)] = each.input_ids
        (places,) = np.nonzero(each.labels[1:] != workload.IGNORED)
        rows += (index * width + places).tolist()
        targets += each.labels[places + 1].tolist()
    count = -(-len(rows) // BUCKET) * BUCKET
    weights = np.zeros(count, np.float32)
    weights[: len(rows)] = 1 / len(rows)
    pad = (0, count - len(rows))
    return {
        "ids": ids,
        "lengths": lengths.astype(np.int32),
        "rows": np.pad(np.array(rows, np.int32), pad),
        "targets": np.pad(np.array(targets, np.int32), pad),
        "weights": weights,
    }


def load(directory: Path, dtype: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and weights of a Hugging Face directory, and the adapter."""
    import jax.numpy as jnp
    from safetensors.numpy import load_file

    config = json.loads((directory / "config.json").read_text())
    weights = {
        name: jnp.asarray(values, dtype)
        for name, values in load_file(directory / "model.safetensors").items()
    }
    return config, weights


def adapter(config: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """LoRA factors in float32: A uniform as PEFT's, B zero."""
    import jax.numpy as jnp

    generator = np.random.default_rng(43)
    factors = {}
    for layer in range(config["num_hidden_layers"]):
        for name, part in PARTS.items():
            module = f"model.layers.{layer}.{part}.{name}"
            rows, columns = weights[f"{module}.weight"].shape
            bound = columns**-0.5
            shape = (workload.RANK, columns)
            factors[f"{module}.A"] = jnp.asarray(
                generator.uniform(-bound, bound, shape), jnp.float32
            )
            factors[f"{module}.B"] = jnp.zeros((rows, workload.RANK), jnp.float32)
    return factors


def step_function(config: dict[str, Any], method: str) -> Any:
    """The compiled step: (weights, factors, moments, batch, number) → the same anew."""
    import jax
    import jax.numpy as jnp

    layers, hidden = config["num_hidden_layers"], config["hidden_size"]
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    size, epsilon = hidden // heads, config["rms_norm_eps"]
    rope = config.get("rope_parameters") or config
    inverse = rope["rope_theta"] ** (-np.arange(0, size, 2) / size)

    def norm(x: Any, weight: Any) -> Any:
        wide = x.astype(jnp.float32)
        scale = jax.lax.rsqrt(jnp.mean(wide * wide, -1, keepdims=True) + epsilon)
        return (wide * scale).astype(x.dtype) * weight

    def turned(x: Any) -> Any:
        angles = np.outer(np.arange(x.shape[1]), inverse).astype(np.float32)
        cosine, sine = (
            jnp.asarray(np.tile(f(angles), 2)[None, :, None], x.dtype)
            for f in (np.cos, np.sin)
        )
        left, right = jnp.split(x, 2, -1)
        return x * cosine + jnp.concatenate([-right, left], -1) * sine

    def loss(
        factors: Any, offsets: Any, weights: Any, batch: dict[str, Any], key: Any
    ) -> Any:
        keep = 1 - workload.DROPOUT

        def linear(x: Any, module: str, number: int) -> Any:
            plain = x @ weights[f"{module}.weight"].T
            drop = jax.random.bernoulli(jax.random.fold_in(key, number), keep, x.shape)
            dropped = jnp.where(drop, x.astype(jnp.float32) / keep, 0)
            low = dropped @ factors[f"{module}.A"].T @ factors[f"{module}.B"].T
            return plain + (workload.ALPHA / workload.RANK * low).astype(x.dtype)

        ids = batch["ids"]
        count, width = ids.shape
        places = jnp.arange(width)
        seen = (places[None, :] <= places[:, None])[None] & (
            places < batch["lengths"][:, None]
        )[:, None]
        x = weights["model.embed_tokens.weight"][ids]
        for layer in range(layers):
            root, number = f"model.layers.{layer}", 7 * layer
            h = norm(x, weights[f"{root}.input_layernorm.weight"])
            q, k, v = (
                linear(h, f"{root}.self_attn.{name}_proj", number + place).reshape(
                    count, width, -1, size
                )
                for place, name in enumerate("qkv")
            )
            q = turned(q).reshape(count, width, groups, heads // groups, size)
            scores = jnp.einsum("btgrd,bsgd->bgrts", q, turned(k)) * size**-0.5
            scores = jnp.where(seen[:, None, None], scores.astype(jnp.float32), -1e30)
            shares = jax.nn.softmax(scores).astype(x.dtype)
            mixed = jnp.einsum("bgrts,bsgd->btgrd", shares, v)
            mixed = mixed.reshape(count, width, hidden)
            x = x + linear(mixed, f"{root}.self_attn.o_proj", number + 3)
            x = x + offsets[layer]
            h = norm(x, weights[f"{root}.post_attention_layernorm.weight"])
            gate = linear(h, f"{root}.mlp.gate_proj", number + 4)
            up = linear(h, f"{root}.mlp.up_proj", number + 5)
            x = x + linear(jax.nn.silu(gate) * up, f"{root}.mlp.down_proj", number + 6)
        rows = x.reshape(-1, hidden)[batch["rows"]]
        logits = norm(rows, weights["model.norm.weight"]) @ weights["head"].T
        logits = logits.astype(jnp.float32)
        chosen = jnp.take_along_axis(logits, batch["targets"][:, None], 1)[:, 0]
        return jnp.sum(batch["weights"] * (jax.nn.logsumexp(logits, -1) - chosen))

    @functools.partial(jax.jit, donate_argnums=(1, 2))
    def step(weights: Any, factors: Any, moments: Any, batch: Any, number: Any) -> Any:
        key = jax.random.fold_in(jax.random.key(43), number)
        kind = weights["model.embed_tokens.weight"].dtype
        offsets = jnp.zeros((layers, *batch["ids"].shape, hidden), kind)
        if method == "vaccine":
            g = jax.grad(loss, 1)(factors, offsets, weights, batch, key)
            total = jnp.sqrt(jnp.sum(jnp.square(g.astype(jnp.float32))))
            offsets = (g * (workload.RHO / (total + 1e-7))).astype(kind)
        value, gradient = jax.value_and_grad(loss)(
            factors, offsets, weights, batch, key
        )
        total = jnp.sqrt(sum(jnp.sum(g * g) for g in gradient.values()))
        clip = jnp.minimum(1, workload.MAX_GRAD_NORM / (total + 1e-6))
        rate, new, kept = workload.LEARNING_RATE, {}, {}
        for name, factor in factors.items():
            first, second = moments[name]
            g = gradient[name] * clip
            first = BETAS[0] * first + (1 - BETAS[0]) * g
            second = BETAS[1] * second + (1 - BETAS[1]) * g * g
            size_now = first / (1 - BETAS[0] ** (number + 1))
            spread = jnp.sqrt(second / (1 - BETAS[1] ** (number + 1)))
            decayed = factor * (1 - rate * workload.WEIGHT_DECAY)
            new[name] = decayed - rate * size_now / (spread + EPSILON)
            kept[name] = (first, second)
        return new, kept, value

    return step


def main() -> None:
    """Run one method and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a Hugging Face directory")
    parser.add_argument("--method", choices=["vaccine", "sft"], default="vaccine")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="the first so many; None: all")
    arguments = parser.parse_args()
    # XLA takes its threads from the affinity of the process.
    allowed = sorted(os.sched_getaffinity(0))[: arguments.threads]
    os.sched_setaffinity(0, allowed)
    import jax
    import jax.numpy as jnp

    config, weights = load(arguments.model, getattr(jnp, arguments.dtype))
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    factors = adapter(config, weights)
    moments = {name: (each * 0, each * 0) for name, each in factors.items()}
    weights["head"] = head
    step = step_function(config, arguments.method)
    batches = workload.batches(config["vocab_size"])[: arguments.steps]
    inputs = [padded(batch) for batch in batches]
    begin = time.perf_counter()
    compiled: set[tuple[int, ...]] = set()
    for batch in inputs:
        shape = (*batch["ids"].shape, len(batch["rows"]))
        if shape not in compiled:
            compiled.add(shape)
            spare = jax.tree.map(jnp.copy, (factors, moments))
            jax.block_until_ready(step(weights, *spare, batch, 0))
    compile_seconds = time.perf_counter() - begin
    seconds, busy, losses = [], [], []
    for number, batch in enumerate(inputs):
        begin, begin_busy = time.perf_counter(), time.process_time()
        factors, moments, loss = step(weights, factors, moments, batch, number)
        losses.append(float(loss))
        jax.block_until_ready(factors)
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - begin_busy)
    process.report(
        {
            "step_seconds": seconds,
            "processor_seconds": busy,
            "losses": losses,
            "compile_seconds": compile_seconds,
            "shapes": len(compiled),
            "peak_mib": process.memory("VmHWM"),
            "versions": {"jax": jax.__version__},
        }
    )


if __name__ == "__main__":
    main()
