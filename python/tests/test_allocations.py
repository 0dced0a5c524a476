"""A step takes no memory from malloc once its batch has been seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaccine_swift import _core

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_step_allocates_nothing(dtype, threads, tmp_path, monkeypatch) -> None:
    if dtype not in _core.dtypes():
        pytest.skip("the processor does not multiply bfloat16")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import allocations

    try:
        counted = allocations.measure(tmp_path, threads=threads, layers=3, dtype=dtype)
    except FileNotFoundError as reason:
        pytest.skip(str(reason))
    assert counted["zero_gradients"]["count"] == 0
    assert counted["update"]["count"] == 0
    # The shim holds the norms of the three layers for its report; OpenBLAS's kernels
    # for small products take 1248 bytes for a copy of a factor.
    sizes = counted["step"]["sizes"]
    assert sizes.pop("24") == 1
    sizes.pop("1248", None)
    assert sizes == {}
