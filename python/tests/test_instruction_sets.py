"""`VACCINE_INSTRUCTIONS` holds the kernels back; float32 keeps its bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vaccine_swift import _core

HERE = Path(__file__).parent

# Sizes that are no multiple of a tile or a vector, and rows for every kind of product.
STEP = """
import hashlib
import numpy as np
import vaccine_swift as vs
from small_models import small, with_adapter
from vaccine_swift import _core

model = with_adapter(small())
generator = np.random.default_rng(5)
digest = hashlib.sha256()
for lengths in ([3], [7, 30], [64, 61, 2]):
    rows = [generator.integers(1, 40, n).tolist() for n in lengths]
    batch = vs.Batch.pack([vs.Example(row, row) for row in rows])
    model.zero_gradients()
    report = model.forward_backward(batch, method=vs.Vaccine(2.0), seed=1, stream=0)
    digest.update(np.float64(report.loss).tobytes())
    for name in sorted(model.gradients()):
        digest.update(model.gradients()[name].tobytes())
    tokens = model.generate_ids(rows, 30, temperature=1.0, seed=3, end_tokens=[])
    digest.update(repr(tokens).encode())
print(_core.build_description().split(";")[0], digest.hexdigest(), sep=" | ")
"""


def _run(limit: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VACCINE_INSTRUCTIONS": limit}
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", STEP],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_kernels_for_avx2_give_the_bits_of_avx512() -> None:
    if "AVX-512" not in _core.build_description():
        pytest.skip("this processor has no AVX-512 to compare with")
    wide, narrow = (_run(limit).stdout.strip().split(" | ") for limit in ("", "avx2"))
    assert "AVX-512" in wide[0]
    assert narrow[0] == "float32 with AVX2"
    assert narrow[1] == wide[1]


def test_an_unknown_limit_is_refused_by_name() -> None:
    finished = _run("sse9")
    assert finished.returncode == 1
    assert "VACCINE_INSTRUCTIONS may be 'avx2' or unset, got 'sse9'" in finished.stderr
