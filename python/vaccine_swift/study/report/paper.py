"""Figures of the paper that stand beside a study's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vaccine_swift.pages.table import Table
from vaccine_swift.study.report.content import Content

__all__ = ["PAPER_NOTE", "paper"]

# Huang, Hu, Liu, "Vaccine: Perturbation-aware Alignment for Large Language Models
# against Harmful Fine-tuning Attack", NeurIPS 2024, arXiv:2402.01109: Llama2-7B, SST2,
# n = 1000; the second table at p = 0.1.
_POISON: Final = ("clean", "0.01", "0.05", "0.1", "0.2")
_BY_POISON: Final = {
    "Non-aligned": (
        (34.2, 65.6, 81.0, 77.6, 79.2),
        (95.6, 94.6, 94.0, 94.6, 94.4),
    ),
    "SFT": ((48.6, 49.8, 52.6, 55.2, 60.0), (94.2, 94.4, 94.8, 94.4, 94.2)),
    "Vaccine ρ=2": ((42.4, 42.2, 42.8, 48.2, 56.6), (92.6, 92.6, 93.0, 93.8, 95.0)),
}
_RHO: Final = ("0.01", "0.1", "1", "2", "5", "10")
_BY_RHO: Final = {
    "Vaccine": (
        (54.4, 56.8, 54.4, 49.0, 46.2, 44.2),
        (94.4, 95.0, 94.4, 93.6, 92.8, 89.0),
    ),
}

PAPER_NOTE: Final = (
    "Of another model (Llama2-7B), another judge (a 7B classifier), other data and one "
    "seed: a direction to compare with, not numbers to reach. Each cell: harmful "
    "score, fine-tune accuracy. Runs of one setting differ in the paper by about 2 "
    "points. arXiv:2402.01109, Tables 1 and 6."
)


def paper(content: Content) -> list[Table]:
    """The paper's tables that go with what was varied."""
    tables = [_table("p", _POISON, _BY_POISON)]
    if len({cell.arm[1] for cell in content.grid} - {None}) > 1:
        tables.append(_table("ρ", _RHO, _BY_RHO))
    return tables


def _table(
    name: str,
    heads: tuple[str, ...],
    entries: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]],
) -> Table:
    rows = [
        (label, *(f"{hs:.1f}, {fa:.1f}" for hs, fa in zip(*both, strict=True)))
        for label, both in entries.items()
    ]
    return Table(("HS, FA in %", *(f"{name} = {each}" for each in heads)), rows)
