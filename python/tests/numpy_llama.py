"""The Llama forward pass in numpy and float64: an oracle that needs no torch.

Plain formulas, one sequence at a time; nothing is shared with the engine. Shapes: T
tokens, C hidden size, H query heads, K key/value heads, D head size, V vocabulary, L
layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NumpyLlama:
    """A decoder with LoRA: weights by Hugging Face name, adapter by PEFT name.

    `scale` is alpha / r. Rotary frequencies are the plain ones; linear and llama3
    scaling follow `rope_scaling` of the configuration.
    """

    config: dict[str, Any]
    weights: dict[str, Array]
    adapter: dict[str, Array]
    scale: float

    def project(self, name: str, x: Array) -> Array:
        """`W x + b + scale · B A x` for the projection `name`."""
        y = x @ self.weights[f"{name}.weight"].astype(np.float64).T
        if f"{name}.bias" in self.weights:
            y = y + self.weights[f"{name}.bias"]
        key = f"base_model.model.{name}.lora_{{}}.weight"
        if key.format("A") in self.adapter:
            down, up = self.adapter[key.format("A")], self.adapter[key.format("B")]
            y = (
                y
                + self.scale * (x @ down.astype(np.float64).T) @ up.astype(np.float64).T
            )
        return y

    def normalise(self, name: str, x: Array) -> Array:
        """RMSNorm."""
        mean_square = np.mean(x * x, axis=-1, keepdims=True)
        scaled = x / np.sqrt(mean_square + self.config["rms_norm_eps"])
        return scaled * self.weights[f"{name}.weight"]

    def frequencies(self) -> Array:
        """Rotary frequencies [D/2] in radians per position."""
        size = self.config["head_dim"]
        plain = self.config["rope_theta"] ** (-np.arange(0, size, 2) / size)
        scaling = self.config.get("rope_scaling")
        if scaling is None:
            return plain
        if scaling["rope_type"] == "linear":
            return plain / scaling["factor"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        turns = scaling["original_max_position_embeddings"] * plain / (2 * np.pi)
        share = np.clip((turns - low) / (high - low), 0, 1)
        return (1 - share) * plain / scaling["factor"] + share * plain

    def rotate(self, x: Array) -> Array:
        """Rotary positions for `[T, heads, D]`: pairs are (d, d + D/2)."""
        angles = np.arange(len(x))[:, None] * self.frequencies()
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate(
            [first * cos - second * sin, second * cos + first * sin], axis=-1
        )

    def attention(self, name: str, x: Array) -> Array:
        """Causal attention of `[T, C]`, output projection included."""
        tokens, size = len(x), self.config["head_dim"]
        heads, groups = (
            self.config["num_attention_heads"],
            self.config["num_key_value_heads"],
        )
        query = self.rotate(
            self.project(f"{name}.q_proj", x).reshape(tokens, heads, size)
        )
        key = self.rotate(
            self.project(f"{name}.k_proj", x).reshape(tokens, groups, size)
        )
        value = self.project(f"{name}.v_proj", x).reshape(tokens, groups, size)
        key, value = (np.repeat(part, heads // groups, axis=1) for part in (key, value))
        scores = np.einsum("thd,shd->hts", query, key) / np.sqrt(size)
        scores = np.where(np.tri(tokens, dtype=bool), scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = np.einsum("hts,shd->thd", scores, value).reshape(tokens, heads * size)
        return self.project(f"{name}.o_proj", mixed)

    def forward(self, ids: Array, shifts: Array | None = None) -> Array:
        """Logits [T, V]; `shifts` [L, T, C] is added to the attention outputs."""
        x = self.weights["model.embed_tokens.weight"][ids].astype(np.float64)
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            output = self.attention(
                f"{name}.self_attn", self.normalise(f"{name}.input_layernorm", x)
            )
            x = x + output + (0 if shifts is None else shifts[layer])
            h = self.normalise(f"{name}.post_attention_layernorm", x)
            gate = self.project(f"{name}.mlp.gate_proj", h)
            gated = gate / (1 + np.exp(-gate)) * self.project(f"{name}.mlp.up_proj", h)
            x = x + self.project(f"{name}.mlp.down_proj", gated)
        head = "model.embed_tokens" if self.config["tie_word_embeddings"] else "lm_head"
        return self.normalise("model.norm", x) @ self.weights[f"{head}.weight"].T

    def loss(
        self, ids: Array, labels: Array, offsets: Array, shifts: Array | None = None
    ) -> float:
        """Mean cross-entropy over the supervised tokens of a packed batch."""
        total, count = 0.0, 0
        for start, stop in pairwise(offsets):
            part = None if shifts is None else shifts[:, start:stop]
            logits = self.forward(ids[start:stop], part)[:-1]
            targets = labels[start + 1 : stop]
            chosen = targets != -100
            logits = logits[chosen] - logits[chosen].max(-1, keepdims=True)
            picked = logits[np.arange(chosen.sum()), targets[chosen]]
            total += np.sum(np.log(np.exp(logits).sum(-1)) - picked)
            count += int(chosen.sum())
        return total / count


def rows_of_one_layer(
    oracle: NumpyLlama, ids: Array, rows: Array, shifts: Array | None = None
) -> Array:
    """Logits [rows, V] of a model with one layer, without all pairs of tokens.

    `rows` ascend; `shifts` [rows, C] is added to their attention outputs.
    """
    return after_attention(oracle, ids, rows, mixed_values(oracle, ids, rows), shifts)


def mixed_values(oracle: NumpyLlama, ids: Array, rows: Array, block: int = 64) -> Array:
    """What the only layer's attention mixes for some rows, [rows, H * D]."""
    name, config = "model.layers.0.self_attn", oracle.config
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    size = config["head_dim"]
    x = oracle.weights["model.embed_tokens.weight"][ids].astype(np.float64)
    h = oracle.normalise("model.layers.0.input_layernorm", x)

    def projected(word: str, count: int) -> Array:
        return oracle.project(f"{name}.{word}_proj", h).reshape(len(ids), count, size)

    query = oracle.rotate(projected("q", heads))[rows] / np.sqrt(size)
    key = oracle.rotate(projected("k", groups))
    value = np.concatenate(
        [projected("v", groups), np.ones((len(ids), groups, 1))], axis=-1
    )
    mixed = np.empty((len(rows), heads, size))
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        first, last = part[0], part[-1] + 1
        future = np.arange(first, last) > part[:, None]
        for head in range(heads):
            group = head * groups // heads
            scores = query[start : start + block, head] @ key[:last, group].T
            np.exp(scores, out=scores)
            scores[:, first:][future] = 0
            sums = scores @ value[:last, group]
            mixed[start : start + block, head] = sums[:, :size] / sums[:, size:]
    return mixed.reshape(len(rows), heads * size)


def after_attention(
    oracle: NumpyLlama, ids: Array, rows: Array, mixed: Array, shifts: Array | None
) -> Array:
    """Logits [rows, V] of a model with one layer from what its attention mixed."""
    layer = "model.layers.0"
    x = oracle.weights["model.embed_tokens.weight"][ids[rows]].astype(np.float64)
    x = x + oracle.project(f"{layer}.self_attn.o_proj", mixed)
    x = x + (0 if shifts is None else shifts)
    h = oracle.normalise(f"{layer}.post_attention_layernorm", x)
    gate = oracle.project(f"{layer}.mlp.gate_proj", h)
    gated = gate / (1 + np.exp(-gate)) * oracle.project(f"{layer}.mlp.up_proj", h)
    x = x + oracle.project(f"{layer}.mlp.down_proj", gated)
    tied = oracle.config["tie_word_embeddings"]
    head = "model.embed_tokens" if tied else "lm_head"
    return oracle.normalise("model.norm", x) @ oracle.weights[f"{head}.weight"].T


def next_token_loss(logits: Array, ids: Array) -> float:
    """Mean cross-entropy of the tokens of one sequence but the first."""
    shifted = logits[:-1] - logits[:-1].max(-1, keepdims=True)
    chosen = shifted[np.arange(len(ids) - 1), ids[1:]]
    return float(np.mean(np.log(np.exp(shifted).sum(-1)) - chosen))
