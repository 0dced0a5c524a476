"""What the comparisons with torch share; torch is imported when one runs."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).resolve().parents[1]
ORACLE = TESTS.parent / "reference"
sys.path += [str(TESTS), str(ORACLE)]


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    """The modules of `python/reference`: `step`, `kinks`, `training` and `models`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)  # the models are tiny
        return SimpleNamespace(
            torch=torch,
            step=importlib.import_module("torch_oracle"),
            kinks=importlib.import_module("kinks"),
            training=importlib.import_module("torch_training"),
            models=importlib.import_module("tiny_models"),
        )
