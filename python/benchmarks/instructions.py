"""Holds both sides of a benchmark back to AVX2, as on a processor that has no more."""

from __future__ import annotations

import argparse
import os
from typing import Final

from vaccine_swift import _core

AVX2: Final = {
    "VACCINE_INSTRUCTIONS": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""Variables of the environment that the two sides and their libraries obey."""


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option ``--avx2``."""
    parser.add_argument(
        "--avx2", action="store_true", help="hold both sides back to AVX2"
    )


def chosen(arguments: argparse.Namespace) -> str:
    """Set the environment of the processes to come; what the results' name ends in."""
    if arguments.avx2:
        os.environ |= AVX2
        return "-avx2"
    # Every library chooses its kernels by itself.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    return ""


def precisions(dtypes: tuple[str, ...]) -> list[str]:
    """Those of our dtypes that the processes to come can compute in."""
    held = os.environ.get("VACCINE_INSTRUCTIONS") == AVX2["VACCINE_INSTRUCTIONS"]
    able = not held and "bfloat16" in _core.build_description()
    return [dtype for dtype in dtypes if able or dtype != "bfloat16"]
