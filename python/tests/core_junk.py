"""Random arguments, of the right kind and of any, for each entry point of the core."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from core_support import TARGETS, random_model
from hypothesis import strategies as st

integers = st.sampled_from(
    [
        *range(-2, 9),
        31,
        32,
        63,
        64,
        65,
        2**31 - 1,
        2**31,
        2**62,
        2**63 - 1,
        2**64 - 1,
        2**64,
    ]
)
reals = st.floats() | st.sampled_from([0.0, 0.5, 1.0, 2.0, 5e-324, 1e308])
words = st.sampled_from(
    [
        *(
            "",
            "weight",
            "adapter",
            "gradient",
            "first",
            "second",
            "sft",
            "vaccine",
            "random",
        ),
        *(
            "constant",
            "linear",
            "cosine",
            "default",
            "llama3",
            "lm_head.weight",
            "a\0b",
        ),
        *("model.norm.weight", "\ud800", *TARGETS),
    ]
)
dtypes = st.sampled_from(
    [
        *(
            "int8",
            "uint8",
            "int32",
            "int64",
            ">i4",
            "uint64",
            "float16",
            "float32",
            "float64",
        ),
        *(
            ">f4",
            "bool",
            "complex64",
            "object",
            "U3",
            "datetime64[s]",
            ml_dtypes.bfloat16,
        ),
    ]
)
shapes = st.lists(st.integers(0, 9), max_size=4)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """An array of small numbers in some dtype, shape and layout."""
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(
        -2, 40, draw(shapes)
    )
    array = np.asarray(values.clip(draw(st.sampled_from([-100, 0])))).astype("int32")
    array = array.astype(draw(dtypes))
    if draw(st.booleans()):
        array = array.T
    if array.ndim and draw(st.booleans()):
        array = array[::-1]
    return array.tolist() if draw(st.integers(0, 9)) == 0 else array


things = st.one_of(
    st.none(), st.booleans(), integers, reals, words, arrays(), st.binary(max_size=8)
)


def likely(strategy: st.SearchStrategy) -> st.SearchStrategy:
    """Mostly of the right kind, so that calls get past the first check."""
    return st.integers(0, 9).flatmap(lambda roll: things if roll == 0 else strategy)


ids = st.lists(st.integers(-1, 33), max_size=12).map(
    lambda items: np.array(items, np.int32)
)
offsets = st.lists(st.integers(-1, 12), max_size=5).map(
    lambda items: np.array([0, *sorted(items)], np.int64)
)
choices = {
    "kind": st.sampled_from(["weight", "adapter", "gradient"]),
    "perturbation": st.sampled_from(["none", "worst", "gaussian", "given"]),
    "norm": st.sampled_from(["chosen", "all"]),
    "moment": st.sampled_from(["first", "second"]),
    "use": st.sampled_from(["inference", "training", "perturbed training"]),
    "what": st.sampled_from(["attention", "mlp", "residual"]),
    "schedule": st.sampled_from(
        ["constant", "constant_with_warmup", "linear", "cosine"]
    ),
}
names = st.sampled_from(
    [name for kind in ("weight", "adapter") for name, _ in random_model().tensors(kind)]
)
targets = st.lists(words | st.sampled_from(TARGETS), max_size=3)

CALLS: dict[str, dict[str, st.SearchStrategy]] = {
    "initialise": {"seed": integers},
    "check_complete": {},
    "tensors": {"kind": choices["kind"]},
    "read": {"kind": choices["kind"], "name": names},
    "write": {"kind": choices["kind"], "name": names, "values": arrays()},
    "add_adapter": {
        "targets": targets,
        "ranks": st.lists(integers, min_size=1, max_size=3),
        "scales": st.lists(reals, min_size=1, max_size=3),
        "dropout": reals,
        "seed": integers,
    },
    "remove_adapter": {},
    "merge_adapter": {},
    "reserve": {"tokens": integers, "sequences": integers, "use": choices["use"]},
    "logits": {"input_ids": ids},
    "hidden_states": {
        "input_ids": ids,
        "offsets": offsets,
        "what": choices["what"],
        "layers": ids,
        "rows": ids,
        "bounds": offsets,
    },
    "loss": {"input_ids": ids, "labels": ids, "offsets": offsets},
    "forward_backward": {
        "input_ids": ids,
        "labels": ids,
        "offsets": offsets,
        "perturbation": choices["perturbation"],
        "rho": reals,
        "norm": choices["norm"],
        "variance": reals,
        "layers": st.none() | ids,
        "values": st.none() | arrays(),
        "token_weights": st.none() | arrays(),
        "reference": st.none() | arrays(),
        "reference_weight": reals,
        "weight": reals,
        "seed": integers,
        "stream": integers,
        "draw": integers,
    },
    "backward_from": {
        "input_ids": ids,
        "labels": ids,
        "offsets": offsets,
        "states": st.lists(words | choices["what"], max_size=3),
        "layers": st.none() | ids,
        "gradients": st.none() | arrays(),
        "logits": st.none() | arrays(),
        "seed": st.none() | integers,
        "stream": integers,
        "draw": integers,
    },
    "log_probabilities": {
        "input_ids": ids,
        "labels": ids,
        "offsets": offsets,
        "rows": integers,
    },
    "attention_gradients": {
        "input_ids": ids,
        "labels": ids,
        "offsets": offsets,
        "seed": integers,
        "stream": integers,
        "draw": integers,
    },
    "set_frozen": {"names": st.lists(words | names, max_size=4)},
    "zero_gradients": {},
    "perturbations": {},
    "attention_gradient_states": {},
    "generate": {
        "input_ids": ids,
        "offsets": offsets,
        "max_new_tokens": ids,
        "temperature": reals,
        "top_p": reals,
        "seed": integers,
        "first_prompt": integers,
        "end_tokens": ids,
    },
}
OPTIMISER_CALLS = {
    "step": {"learning_rate": reals, "max_gradient_norm": reals},
    "read": {"moment": choices["moment"], "name": names},
    "skipped": {"name": names},
    "set_skipped": {"name": names, "count": integers},
    "write": {"moment": choices["moment"], "name": names, "values": arrays()},
}
VECTOR_CALLS = {
    "copy": {"other": things},
    "axpy": {"alpha": reals, "other": things},
    "add_product": {"alpha": reals, "a": things, "b": things},
    "scale": {"alpha": reals},
    "dot": {"other": things},
    "read": {},
    "write": {"values": arrays()},
}
FUNCTIONS = {
    "perturbation": {"gradients": st.lists(arrays(), max_size=3), "rho": reals},
    "schedule_factor": {
        "schedule": choices["schedule"],
        "step": integers,
        "warmup_steps": integers,
        "total_steps": integers,
    },
}
