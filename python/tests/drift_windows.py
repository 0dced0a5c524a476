"""Weeks of rows against a reference, of which "de" drifts from the fourth on."""

from __future__ import annotations

import numpy as np

from vaccine_swift import drift

LABELS = np.repeat(["de", "en", "fr"], 40)
RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(120, 4))
WEEKS = {f"2026-W{40 + k}": RNG.normal(size=(120, 4)) for k in range(6)}
for number, week in enumerate(WEEKS.values()):
    week[:40] += 1.0 * (number >= 3)


def windows(weeks=WEEKS, **options) -> drift.Windows:
    settings = {"segments": LABELS, "tests": ["mmd"], "permutations": 199, **options}
    made = drift.Windows(REFERENCE, **settings)
    for name, rows in weeks.items():
        made.add(name, rows, segments=LABELS)
    return made
