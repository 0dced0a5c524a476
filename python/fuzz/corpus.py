"""Small whole files of every format that is read, and how each is read."""

from __future__ import annotations

from pathlib import Path

from fuzz.corpus_models import model_kinds
from fuzz.corpus_runs import run_kinds
from fuzz.corpus_tables import table_kinds
from fuzz.kinds import Kind

__all__ = ["make_corpus"]


def make_corpus(directory: Path) -> list[Kind]:
    """Write every format below a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    writers = (model_kinds, table_kinds, run_kinds)
    kinds = [kind for write in writers for kind in write(directory)]
    return sorted(kinds, key=lambda kind: kind.name)
