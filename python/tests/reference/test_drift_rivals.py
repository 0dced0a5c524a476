"""Drift statistics beside alibi-detect's and evidently's, of the same estimators."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from vaccine_swift import drift

pytestmark = pytest.mark.reference

SCRIPT = """
import json, sys
import numpy as np
import pandas as pd
import torch
from alibi_detect.cd import KSDrift
from alibi_detect.utils.pytorch.distance import mmd2
from alibi_detect.utils.pytorch.kernels import GaussianRBF
from evidently.legacy.metrics.data_drift.embedding_drift_methods import mmd

x, y = (np.load(path) for path in sys.argv[1:])
told = {}
for sigma in (1.5, 4.0):
    kernel = GaussianRBF(torch.tensor([sigma]))
    value = mmd2(torch.from_numpy(x), torch.from_numpy(y), kernel)
    told[f"alibi {sigma}"] = float(value)
tested = KSDrift(x, correction="fdr").predict(y)["data"]
told["ks"] = [tested["distance"].tolist(), tested["p_val"].tolist()]
frames = pd.DataFrame(y), pd.DataFrame(x)
told["evidently"] = float(mmd()(*frames)[0])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 16))
    return x, rng.normal(size=(250, 16)) + 0.25


@pytest.fixture(scope="module")
def told(sets, tmp_path_factory):
    """What the rivals say, in an environment of their own."""
    environment = os.environ.get("VACCINE_RIVALS")
    if environment is None:
        pytest.skip("VACCINE_RIVALS names no environment with the rivals")
    folder = tmp_path_factory.mktemp("rivals")
    paths = [folder / "x.npy", folder / "y.npy"]
    for path, values in zip(paths, sets, strict=True):
        np.save(path, values)
    python = Path(environment) / "bin" / "python"
    finished = subprocess.run(
        [python, "-c", SCRIPT, *paths], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.parametrize("sigma", [1.5, 4.0])
def test_mmd_is_alibi_detects_at_one_bandwidth(sets, told, sigma):
    ours = drift.mmd(*sets, bandwidth=sigma, permutations=0).statistic
    assert ours == pytest.approx(told[f"alibi {sigma}"], abs=1e-6)


def test_ks_statistics_are_alibi_detects(sets, told):
    statistics, p_values = told["ks"]
    ours = drift.ks(*sets)
    assert ours.statistics == pytest.approx(statistics, abs=1e-6)
    # Ours are asymptotic, theirs exact at these sizes.
    assert ours.p_values == pytest.approx(p_values, rel=0.25, abs=1e-6)


def test_mmd_is_evidentlys_at_its_bandwidth(sets, told):
    x, y = sets
    # exp(-d² / m²) with m the median distance between the sides: σ = m / √2.
    between = np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    sigma = np.median(between) / np.sqrt(2)
    ours = drift.mmd(x, y, bandwidth=sigma, permutations=0).statistic
    assert ours == pytest.approx(told["evidently"], rel=1e-3)
