"""Packages with data files, as pip leaves them."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, name: str, version: str, files: dict[str, str]) -> None:
    """Lay a package out in a folder; importing it fails."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    for path, text in {f"{name}/__init__.py": "raise ImportError", **files}.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
