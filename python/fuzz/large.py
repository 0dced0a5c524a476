"""A sequence of 100,000 tokens against the oracle: ``python -m fuzz.large``.

The oracle cannot hold the scores of all pairs of tokens. In a model of one layer a row
of logits needs the keys and values of all tokens, which follow from their embeddings,
and its own row of scores; so some rows are compared, the first and the last among them.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import numpy as np  # noqa: E402  # after the path to the tests
from numpy_llama import rows_of_one_layer  # noqa: E402
from test_edges import model_of  # noqa: E402

import vaccine_swift as vs  # noqa: E402


def main() -> int:
    """1 where rows differ by more than rounding."""
    parser = argparse.ArgumentParser(prog="fuzz.large", description=__doc__)
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=50)
    options = parser.parse_args()
    tokens = options.tokens
    model, oracle = model_of(
        {
            "num_hidden_layers": 1,
            "hidden_size": 8,
            "num_attention_heads": 2,
            "max_position_embeddings": tokens,
        }
    )
    generator = np.random.default_rng(3)
    ids = generator.integers(0, oracle.config["vocab_size"], tokens)
    rows = np.unique([0, tokens - 1, *generator.integers(0, tokens, options.rows)])
    expected = rows_of_one_layer(oracle, ids, rows)
    began = time.monotonic()
    logits = model.logits(ids)[rows]
    took = time.monotonic() - began
    error = np.linalg.norm(logits - expected) / np.linalg.norm(expected)
    print(f"logits of {tokens:,} tokens: {took:.0f} s, relative error {error:.1e}")
    model.add_adapter(vs.LoRAConfig(r=2))
    began = time.monotonic()
    batch = vs.Batch.pack([vs.Example(ids, ids)])
    report = model.forward_backward(batch, vs.SFT())
    took = time.monotonic() - began
    loss = model.loss(batch)[0]
    print(f"a training step: {took:.0f} s, loss {report.loss:.6f}, without {loss:.6f}")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"at most {most:,} MB of memory")
    return 0 if error < 2e-5 and abs(report.loss - loss) < 1e-5 * loss else 1


if __name__ == "__main__":
    sys.exit(main())
