"""Calls of the binary module with arguments that fit: what the fuzzer then spoils."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz.draw import Draw
from fuzz.models import DESCRIPTIONS, blocks, modules
from vaccine_swift import _core

__all__ = ["FUNCTIONS", "METHODS", "OPTIMISER", "VECTOR"]

Arguments = dict[str, Any]
KINDS = ("weight", "adapter", "gradient", "frozen")


def batch(draw: Draw) -> Arguments:
    """Sequences with labels."""
    ids = draw.tokens()
    cuts = sorted(draw.sample(range(1, len(ids)), draw.few(0, min(2, len(ids) - 1))))
    unlabelled = draw.numbers().random(len(ids)) < draw.choice([0.0, 0.3])
    labels = np.where(unlabelled, -100, ids).astype(ids.dtype)
    return {
        "input_ids": ids,
        "labels": labels,
        "offsets": np.array([0, *cuts, len(ids)], draw.choice(["int32", "int64"])),
    }


def supervised_count(given: Arguments) -> int:
    """Tokens with a label, of which the first of a sequence is never predicted."""
    predicted = given["labels"] >= 0
    predicted[given["offsets"][:-1]] = False
    return int(predicted.sum())


def _masks(draw: Draw) -> Arguments:
    masks = {"seed": draw.few(0, 9), "stream": draw.few(0, 3), "draw": draw.few(0, 3)}
    if draw.once_in(3):
        masks |= {"first_sequence": draw.few(0, 3), "sequence_count": draw.few(3, 9)}
    return masks


def _weighted(draw: Draw, given: Arguments) -> Arguments:
    """Weights of tokens and what their probabilities are held to."""
    chosen: Arguments = {}
    if draw.once_in(3):
        chosen["token_weights"] = draw.floats(len(given["input_ids"]))
    if draw.once_in(3):
        chosen["reference"] = draw.floats((supervised_count(given), 32))
        chosen["reference_weight"] = 0.5
    return chosen


def _attention_gradients(model: _core.Model, draw: Draw) -> Arguments:
    given = batch(draw)
    return given | _weighted(draw, given) | _masks(draw)


def _name(model: _core.Model, draw: Draw, kind: str) -> Any:
    return draw.choice(model.tensors(kind))


def _read(model: _core.Model, draw: Draw) -> Arguments:
    kind = draw.choice(KINDS)
    return {"kind": kind, "name": _name(model, draw, kind)[0]}


def _write(model: _core.Model, draw: Draw) -> Arguments:
    kind = draw.choice(["weight", "adapter"])
    name, shape = _name(model, draw, kind)
    return {"kind": kind, "name": name, "values": draw.floats(shape)}


def _lend(model: _core.Model, draw: Draw) -> Arguments:
    name, shape = _name(model, draw, "weight")
    kind, raw, order = blocks(draw, shape)
    return {"name": name, "kind": kind, "blocks": raw, "order": order}


def _add_adapter(model: _core.Model, draw: Draw) -> Arguments:
    if draw.once_in(2):
        model.remove_adapter()
    known = modules(model.configuration)
    targets = draw.sample(known, draw.few(1, len(known)))
    return {
        "targets": targets,
        "ranks": [draw.few(1, 4) for _ in targets],
        "scales": [draw.choice([0.5, 2.0]) for _ in targets],
        "dropout": draw.choice([0.0, 0.1, 0.5]),
        "seed": draw.few(0, 9),
    }


def _reserve(model: _core.Model, draw: Draw) -> Arguments:
    use = draw.choice(["inference", "training", "perturbed training"])
    return {"tokens": draw.few(1, 99), "sequences": 1, "use": use}


def _hidden_states(model: _core.Model, draw: Draw) -> Arguments:
    given = batch(draw)
    count = len(given["input_ids"])
    return {
        "input_ids": given["input_ids"],
        "offsets": given["offsets"],
        "what": draw.choice(["attention", "mlp", "residual"]),
        "layers": np.arange(model.configuration["layer_count"]),
        "rows": np.array([draw.randrange(count) for _ in range(4)]),
        "bounds": np.array([0, draw.few(1, 3), 4]),
    }


def _forward_backward(model: _core.Model, draw: Draw) -> Arguments:
    given = batch(draw)
    layers = model.configuration["layer_count"]
    tokens, width = len(given["input_ids"]), model.configuration["hidden_size"]
    kind = draw.choice(["none", "worst", "gaussian", "given"])
    chosen = {
        "perturbation": kind,
        "rho": draw.choice([0.0, 2.0]),
        "norm": draw.choice(["chosen", "all"]),
        "variance": draw.choice([0.0, 0.1]),
        "layers": draw.choice([None, np.arange(layers), np.arange(1)]),
        "values": draw.floats((layers, tokens, width)) if kind == "given" else None,
        "weight": draw.choice([1.0, 0.5]),
    }
    if draw.once_in(4):
        chosen["factor"] = draw.choice([0.0, -0.5, 1.0])
    return given | chosen | _weighted(draw, given) | _masks(draw)


def _backward_from(model: _core.Model, draw: Draw) -> Arguments:
    given = batch(draw)
    tokens, width = len(given["input_ids"]), model.configuration["hidden_size"]
    states = draw.sample(["attention", "mlp", "residual"], draw.few(0, 2))
    supervised = supervised_count(given)
    return {
        **given,
        "states": states,
        "layers": np.zeros(len(states), np.int64) if states else None,
        "gradients": draw.floats((len(states), tokens, width)) if states else None,
        "logits": draw.choice([None, draw.floats((supervised, 32))]),
        **_masks(draw),
    }


def _generate(model: _core.Model, draw: Draw) -> Arguments:
    given = batch(draw)
    return {
        "input_ids": given["input_ids"],
        "offsets": given["offsets"],
        "max_new_tokens": [draw.few(1, 5)] * max(0, len(given["offsets"]) - 1),
        "temperature": draw.choice([0.0, 0.0, 0.5, 1.0, 1e-308, 1e30]),
        "top_p": draw.choice([1.0, 0.5, 1e-9]),
        "seed": draw.few(0, 9),
        "first_prompt": draw.choice([0, 2**64 - 1]),
        "end_tokens": draw.tokens(3),
    }


def _log_probabilities(model: _core.Model, draw: Draw) -> Arguments:
    given = batch(draw)
    return given | {"rows": supervised_count(given)}


Builder = Callable[[Any, Draw], Arguments]

METHODS: dict[str, Builder] = {
    "initialise": lambda model, draw: {"seed": draw.few(0, 9)},
    "check_complete": lambda model, draw: {},
    "tensors": lambda model, draw: {"kind": draw.choice(KINDS)},
    "read": _read,
    "write": _write,
    "lend": _lend,
    "add_adapter": _add_adapter,
    "remove_adapter": lambda model, draw: {},
    "freeze_adapter": lambda model, draw: {},
    "remove_frozen_adapters": lambda model, draw: {},
    "read_merged": lambda model, draw: {"name": _name(model, draw, "weight")[0]},
    "merge_adapter": lambda model, draw: {},
    "set_frozen": lambda model, draw: {"names": [_name(model, draw, "adapter")[0]]},
    "reserve": _reserve,
    "logits": lambda model, draw: {"input_ids": draw.tokens()},
    "hidden_states": _hidden_states,
    "loss": lambda model, draw: batch(draw),
    "token_losses": lambda model, draw: batch(draw),
    "forward_backward": _forward_backward,
    "backward_from": _backward_from,
    "log_probabilities": _log_probabilities,
    "attention_gradients": _attention_gradients,
    "attention_gradient_states": lambda model, draw: {},
    "zero_gradients": lambda model, draw: {},
    "perturbations": lambda model, draw: {},
    "generate": _generate,
}


def _moment(model: _core.Model, draw: Draw) -> Arguments:
    moment = draw.choice(["first", "second"])
    return {"moment": moment, "name": _name(model, draw, "adapter")[0]}


def _write_moment(model: _core.Model, draw: Draw) -> Arguments:
    name, shape = _name(model, draw, "adapter")
    moment = draw.choice(["first", "second"])
    return {"moment": moment, "name": name, "values": draw.floats(shape)}


OPTIMISER: dict[str, Builder] = {
    "step": lambda model, draw: {
        "model": model,
        "learning_rate": draw.choice([0.0, 1e-3]),
        "max_gradient_norm": draw.choice([0.0, 1.0]),
    },
    "skipped": lambda model, draw: {"name": _name(model, draw, "adapter")[0]},
    "set_skipped": lambda model, draw: {
        "name": _name(model, draw, "adapter")[0],
        "count": draw.few(0, 9),
    },
    "read": _moment,
    "write": _write_moment,
}
VECTOR: dict[str, Builder] = {
    "copy": lambda others, draw: {"other": draw.choice(others)},
    "axpy": lambda others, draw: {"alpha": 0.5, "other": draw.choice(others)},
    "add_product": lambda others, draw: {
        "alpha": 0.5,
        "a": draw.choice(others),
        "b": draw.choice(others),
    },
    "scale": lambda others, draw: {"alpha": 0.5},
    "dot": lambda others, draw: {"other": draw.choice(others)},
    "read": lambda others, draw: {},
    "write": lambda others, draw: {
        "values": draw.floats(np.asarray(others[0].read()).size)
    },
}

FUNCTIONS: dict[str, Callable[[Draw], Arguments]] = {
    "perturbation": lambda draw: {
        "gradients": [draw.floats(draw.few(0, 9)) for _ in range(draw.few(0, 3))],
        "rho": draw.choice([0.0, 2.0]),
    },
    "schedule_factor": lambda draw: {
        "schedule": draw.choice(
            ["constant", "constant_with_warmup", "linear", "cosine"]
        ),
        "step": draw.few(0, 9),
        "warmup_steps": draw.few(0, 9),
        "total_steps": draw.few(1, 20),
    },
    "set_num_threads": lambda draw: {"n": draw.few(1, 4)},
    "Model": lambda draw: {"configuration": dict(draw.choice(DESCRIPTIONS))},
    "Turn": lambda draw: {"owner": draw.choice(["model", "x"])},
}
