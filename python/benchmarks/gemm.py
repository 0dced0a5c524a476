"""How fast this machine multiplies matrices, with one library in one process.

One large square product and the products of the model; the best of several timings of
each. The machine's peak is the best of them all.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import process

SIZE = 2048
REPEATS = 8
TOKENS, SUPERVISED = 600, 380
# Rows, columns, inner size of each product of SmolLM2-135M in a batch of five.
SHAPES = {
    "q_proj, o_proj": (TOKENS, 576, 576),
    "k_proj, v_proj": (TOKENS, 192, 576),
    "gate_proj, up_proj": (TOKENS, 1536, 576),
    "down_proj": (TOKENS, 576, 1536),
    "lm_head": (SUPERVISED, 49152, 576),
}


def gflops(multiply: Callable[[], Any], operations: float) -> float:
    """Best of `REPEATS` timings, 10⁹ operations per second, after an untimed call."""
    multiply()
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.perf_counter()
        multiply()
        best = min(best, time.perf_counter() - begin)
    return operations / best / 1e9


def numpy_product(rows: int, columns: int, inner: int) -> Callable[[], Any]:
    """A product through numpy's BLAS."""
    generator = np.random.default_rng(0)
    left = generator.standard_normal((rows, inner), dtype=np.float32)
    right = generator.standard_normal((inner, columns), dtype=np.float32)
    output = np.empty((rows, columns), np.float32)
    return lambda: np.matmul(left, right, out=output)


def torch_product(rows: int, columns: int, inner: int, dtype: str) -> Callable[[], Any]:
    """A product through torch's BLAS or oneDNN."""
    import torch

    kind = getattr(torch, dtype)
    left, right = (
        torch.randn(rows, inner).to(kind),
        torch.randn(inner, columns).to(kind),
    )
    output = torch.empty(rows, columns, dtype=kind)
    return lambda: torch.mm(left, right, out=output)


def main() -> None:
    """Measure one library and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["numpy", "torch"])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    product: Callable[..., Callable[[], Any]] = numpy_product
    if arguments.library == "torch":
        import torch

        torch.set_num_threads(arguments.threads)
        product = functools.partial(torch_product, dtype=arguments.dtype)
    shapes = {"large": (SIZE, SIZE, SIZE)} | SHAPES
    process.report(
        {
            name: gflops(product(*shape), 2.0 * np.prod(shape))
            for name, shape in shapes.items()
        }
    )


if __name__ == "__main__":
    main()
