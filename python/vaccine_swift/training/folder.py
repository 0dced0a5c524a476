"""The output directory of a run: its checkpoints, and those of other runs."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from vaccine_swift.files import remove_directory
from vaccine_swift.training.checkpoint import STATE_FILE, Checkpoint, run_id
from vaccine_swift.training.progress import LOG_FILE

__all__ = ["checkpoints", "find_checkpoint", "keep_apart", "remove_oldest"]
__all__ += ["reports", "strangers"]

_NAME: Final = re.compile(r"checkpoint-([0-9]+)")
_EARLIER: Final = "earlier"


def checkpoints(output_dir: Path) -> list[Path]:
    """The checkpoint directories, by step."""
    return [path for _, path in sorted((_step_of(p), p) for p in _found(output_dir))]


def _step_of(checkpoint: Path) -> int:
    """The step in a checkpoint directory's name."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0


def find_checkpoint(
    output_dir: Path, check: Callable[[Checkpoint], object]
) -> Checkpoint:
    """The last whole checkpoint of a run.

    Damaged ones and those of other runs are passed over with a warning.

    Parameters
    ----------
    output_dir : Path
        Where they are.
    check : callable
        Raises ValueError for a checkpoint of another run.

    Raises
    ------
    ValueError
        When there is none; where all are of other runs, what `check` says of the last.
    """
    refusal = None
    for path in reversed(checkpoints(output_dir)):
        try:
            checkpoint = Checkpoint.read(path)
        except (OSError, ValueError) as error:
            warnings.warn(f"passed over: {error}", stacklevel=4)
            continue
        try:
            check(checkpoint)
        except ValueError as error:
            refusal = refusal or error
            continue
        if refusal:
            warnings.warn(f"passed over: {refusal}", stacklevel=4)
        return checkpoint
    if refusal:
        raise refusal
    kept = sorted(output_dir.glob(f"{_EARLIER}-*"))
    hint = f"; checkpoints of earlier runs are in {kept[-1]}" if kept else ""
    raise ValueError(
        f"resume_from_checkpoint: no whole checkpoint in {output_dir}{hint}"
    )


def strangers(output_dir: Path, run: str, last: float = math.inf) -> list[Path]:
    """Checkpoints of other runs, and those of steps after `last`."""
    return [
        path
        for path in checkpoints(output_dir)
        if _step_of(path) > last or run_id(path) != run
    ]


def keep_apart(output_dir: Path, moved: Collection[Path]) -> Path:
    """Move what another run wrote into a folder of its own.

    Returns
    -------
    Path
        ``earlier-N`` in `output_dir`, with the first N that is free.

    Raises
    ------
    OSError
        When the disk refuses.
    """
    number = 1
    while (folder := output_dir / f"{_EARLIER}-{number}").exists():
        number += 1
    folder.mkdir()
    for path in moved:
        path.rename(folder / path.name)
    return folder


def remove_oldest(output_dir: Path, run: str, limit: int, keep: set[Path]) -> None:
    """Delete a run's oldest checkpoints beyond `limit`, but none of `keep`."""
    found = [path for path in checkpoints(output_dir) if run_id(path) == run]
    removable = [path for path in found if path not in keep]
    for path in removable[: max(0, len(found) - limit)]:
        remove_directory(path)


def _found(output_dir: Path) -> list[Path]:
    return [
        entry
        for entry in output_dir.iterdir()
        if _NAME.fullmatch(entry.name) and entry.is_dir()
    ]


def reports(output_dir: Path) -> list[Path]:
    """The log and the state that a run left in `output_dir`."""
    paths = (output_dir / LOG_FILE, output_dir / STATE_FILE)
    return [path for path in paths if path.is_file()]
