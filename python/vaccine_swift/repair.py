"""Repair after fine-tuning: keep what lies in the directions of the alignment.

Safe LoRA (Hsu et al. 2024, arXiv:2405.16833, section 3.2): where a user's update of a
linear map points away from what alignment did to that map, it is projected onto the
space that alignment moved. It needs no data, no gradient and no model: two adapters are
enough, since the alignment's update has the alignment adapter's rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range, check_word, checked_path
from vaccine_swift._plurals import counted
from vaccine_swift._short_repr import short_repr
from vaccine_swift.checkpoints.peft import read_adapter, write_adapter
from vaccine_swift.lora import LoRAConfig

__all__ = ["PROJECTIONS", "RepairReport", "RepairedModule", "repair_adapter"]

Projection: TypeAlias = Literal["exact", "authors"]
Array: TypeAlias = npt.NDArray[np.float64]

PROJECTIONS: Final[tuple[Projection, ...]] = get_args(Projection)
_A: Final = ".lora_A.weight"
_B: Final = ".lora_B.weight"
_SMALLEST: Final = 1e-10
"""Of the largest singular value: directions below it are rounding."""


@dataclass(frozen=True, slots=True)
class RepairedModule:
    """What was found at one linear map.

    Parameters
    ----------
    name : str
        As in the adapter's files.
    cosine : float
        Between the user's update and its projection, from 0 to 1 for "exact"; NaN
        where the user's update is 0 or the alignment has none.
    projected : bool
        Whether the update was replaced by its projection.
    """

    name: str
    cosine: float
    projected: bool


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What `repair_adapter` did.

    Parameters
    ----------
    modules : tuple of RepairedModule
        Every linear map of the user's adapter.
    """

    modules: tuple[RepairedModule, ...]

    __repr__ = short_repr

    @property
    def projected(self) -> int:
        """How many updates were projected."""
        return sum(each.projected for each in self.modules)

    def __str__(self) -> str:
        known = [each.cosine for each in self.modules if not math.isnan(each.cosine)]
        mean = f", mean cosine {sum(known) / len(known):.2f}" if known else ""
        updates = counted(len(self.modules), "update")
        return f"{self.projected} of {updates} projected{mean}"


def repair_adapter(
    adapter: str | Path,
    alignment: str | Path,
    output: str | Path,
    *,
    threshold: float = 0.5,
    projection: Projection = "exact",
) -> RepairReport:
    """Project a user's adapter onto what alignment moved, and save it.

    ::

        V = s B₁ A₁ (alignment), U = B A (user); B ← C B where cos(C U, U) ≤ threshold
        "exact": C = Q Qᵀ, Q an orthonormal basis of the columns of V
        "authors": C = V Vᵀ / ‖V‖_F, their approximation, which scales as well

    Parameters
    ----------
    adapter : str or Path
        PEFT files of the adapter that was trained on a user's data, above the merged or
        frozen alignment.
    alignment : str or Path
        PEFT files of the adapter that aligned the model.
    output : str or Path
        Where the repaired adapter goes, with the same rank and settings.
    threshold : float
        From -1, which projects nothing, to 1, which projects every update.
    projection : {"exact", "authors"}
        What C is.

    Returns
    -------
    RepairReport
        Every module of `adapter`. One that the alignment did not adapt stays as it is.

    Raises
    ------
    FileNotFoundError, ValueError
        When files are missing or corrupt, when a module has other sizes in the two
        adapters, when a number is not finite, or an argument is out of range.
    TypeError
        When `threshold` is no number.

    References
    ----------
    .. [1] Hsu et al., "Safe LoRA: the Silver Lining of Reducing Safety Risks when
       Fine-tuning Large Language Models", arXiv:2405.16833, section 3.2.

    Examples
    --------
    >>> report = vs.repair_adapter("user", "aligned", "repaired")  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    173 of 210 updates projected, mean cosine 0.31
    """
    check_range("threshold", threshold, minimum=-1, maximum=1)
    check_word("projection", projection, PROJECTIONS)
    config, user = _read(checked_path("adapter", adapter))
    aligned_config, aligned = _read(checked_path("alignment", alignment))
    place = checked_path("output", output)
    scales = _scales(aligned_config, aligned)
    modules = []
    for name in _modules(user):
        a, b = user[name + _A], user[name + _B]
        other = name + _A in aligned
        found = RepairedModule(name, math.nan, False)
        if other:
            a1, b1 = aligned[name + _A], aligned[name + _B]
            if (len(b1), a1.shape[1]) != (len(b), a.shape[1]):
                raise ValueError(
                    f"{alignment}: {name} maps {a1.shape[1]} to "
                    f"{counted(len(b1), 'number')}, in {adapter} {a.shape[1]} to "
                    f"{len(b)}"
                )
            kept = _projected(b, a1, b1 * scales[name], projection)
            cosine = _cosine(kept, b, a)
            if cosine <= threshold:
                user[name + _B] = kept
            found = RepairedModule(name, cosine, cosine <= threshold)
        modules.append(found)
    tensors = {name: value.astype(np.float32) for name, value in user.items()}
    write_adapter(place, config, tensors, base_model=None)
    return RepairReport(tuple(modules))


def _read(directory: Path) -> tuple[LoRAConfig, dict[str, Array]]:
    config, source = read_adapter(directory)
    tensors = {}
    for name in source.shapes:
        values = source.read(name)
        tensors[name] = values.astype(np.float64)
        _core.check_mapped(values)
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{source.name}: {name} holds NaN or infinity")
    for name in _modules(tensors):
        if name + _B not in tensors:
            raise ValueError(f"{source.name}: missing tensors: {name + _B}")
    return config, tensors


def _modules(tensors: Mapping[str, Array]) -> list[str]:
    return [name.removesuffix(_A) for name in tensors if name.endswith(_A)]


def _scales(config: LoRAConfig, tensors: Mapping[str, Array]) -> dict[str, float]:
    """Scale of each module of an adapter by its name there."""
    maps = {name.split(".model.", 1)[-1]: name for name in _modules(tensors)}
    found = config.modules(maps, strict=False)
    return {maps[name]: module.scale for name, module in found.items()}


def _projected(b: Array, a1: Array, b1: Array, projection: Projection) -> Array:
    """C B without C, which is as large as the linear map."""
    if projection == "authors":
        inner = a1 @ a1.T
        norm = math.sqrt(float(np.sum(inner * (b1.T @ b1))))
        return b1 @ (inner @ (b1.T @ b)) / norm if norm else np.zeros_like(b)
    # The columns of V = B₁ A₁ are those of B₁ R with A₁ᵀ = Q R: as small, same span.
    _, r = np.linalg.qr(a1.T)
    q, sizes, _ = np.linalg.svd(b1 @ r.T, full_matrices=False)
    q = q[:, sizes > _SMALLEST * max(1e-300, sizes[0])]
    return q @ (q.T @ b)


def _cosine(kept: Array, b: Array, a: Array) -> float:
    """Cosine between the updates kept · A and B · A; NaN where the user's is 0."""
    inner = a @ a.T
    own = float(np.sum((b.T @ b) * inner))
    left = float(np.sum((kept.T @ kept) * inner))
    if own <= 0:
        return math.nan
    if left <= 0:
        return 0.0
    return float(np.sum((kept.T @ b) * inner)) / math.sqrt(own * left)
