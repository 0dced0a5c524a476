"""Memory for training goes with the adapter that was trained."""

from __future__ import annotations

import pytest
from core_support import run_script

ANOTHER_ADAPTER = {
    "merged": "model.merge_adapter()",
    "frozen": "model.freeze_adapter()",
    "removed": "model.remove_adapter()",
    "replaced": "model.remove_adapter(); "
    "model.add_adapter(TARGETS, [4] * 7, [1.0] * 7, 0.0, 1)",
}


@pytest.mark.parametrize("change", ANOTHER_ADAPTER)
@pytest.mark.parametrize("use", ["training", "perturbed training"])
def test_nothing_of_it_stays_mapped(use, change) -> None:
    """ε alone is 8 layers × 16384 tokens × 64 floats, 32 MiB."""
    run_script(
        f"""
        def mapped():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[0]) * 4096

        model = random_model(hidden_size=64, head_size=16, layer_count=8)
        random_model().merge_adapter()
        before = mapped()
        model.reserve(2**14, 2**10, {use!r})
        assert mapped() - before > 32 << 20
        {ANOTHER_ADAPTER[change]}
        assert mapped() - before < 4 << 20, mapped() - before
        """
    )
