"""The private binary module: the Swift core behind a thin C shim.

Arrays go in through the buffer protocol and come out as `Buffer`, which owns its
memory; wrap it with `numpy.asarray`. Every long call releases the GIL and honours
Ctrl-C. A model serves one thread at a time: others wait for their turn.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, final

import numpy.typing as npt
from typing_extensions import Buffer as _Exporter

_SupportsBuffer: TypeAlias = _Exporter | npt.NDArray[Any]
_TensorKind: TypeAlias = Literal["weight", "adapter", "gradient", "frozen"]

__version__: str

@final
class Buffer:
    """A C-contiguous float32 or int32 array that owns its memory (buffer protocol)."""

    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Model:
    """One decoder with its weights, its optional adapter and its gradients.

    `configuration` describes it by its blocks, as `families.core_configuration` does: a
    dict of numbers, strings and sequences of numbers. A surplus or missing key is a
    ValueError.
    """

    def __new__(cls, configuration: dict[str, Any]) -> Model: ...
    @property
    def configuration(self) -> dict[str, Any]: ...
    def initialise(self, seed: int) -> None: ...
    def check_complete(self) -> None: ...
    def tensors(self, kind: _TensorKind) -> list[tuple[str, tuple[int, ...]]]: ...
    def read(self, kind: _TensorKind, name: str) -> Buffer: ...
    def read_merged(self, name: str) -> Buffer: ...
    def write(self, kind: _TensorKind, name: str, values: _SupportsBuffer) -> None: ...
    def lend(
        self,
        name: str,
        kind: str,
        blocks: _SupportsBuffer,
        order: _SupportsBuffer | None = None,
    ) -> None: ...
    def add_adapter(
        self,
        targets: Sequence[str],
        ranks: Sequence[int],
        scales: Sequence[float],
        dropout: float,
        seed: int,
    ) -> None: ...
    def remove_adapter(self) -> None: ...
    def freeze_adapter(self) -> None: ...
    def remove_frozen_adapters(self) -> None: ...
    def merge_adapter(self) -> None: ...
    def set_frozen(self, names: Sequence[str]) -> None: ...
    def reserve(
        self,
        tokens: int,
        sequences: int,
        use: Literal["inference", "training", "perturbed training"],
    ) -> None: ...
    def logits(self, input_ids: _SupportsBuffer) -> Buffer: ...
    def hidden_states(
        self,
        input_ids: _SupportsBuffer,
        offsets: _SupportsBuffer,
        *,
        what: Literal["attention", "mlp", "residual"],
        layers: _SupportsBuffer,
        rows: _SupportsBuffer,
        bounds: _SupportsBuffer,
    ) -> Buffer:
        """Row i is the mean of `rows[bounds[i]:bounds[i + 1]]`: [layers, rows, C]."""

    def loss(
        self,
        input_ids: _SupportsBuffer,
        labels: _SupportsBuffer,
        offsets: _SupportsBuffer,
    ) -> tuple[float, int]:
        """Mean loss and the number of supervised tokens."""

    def token_losses(
        self,
        input_ids: _SupportsBuffer,
        labels: _SupportsBuffer,
        offsets: _SupportsBuffer,
    ) -> Buffer:
        """The loss of each supervised token, in the order of the batch."""

    def forward_backward(
        self,
        input_ids: _SupportsBuffer,
        labels: _SupportsBuffer,
        offsets: _SupportsBuffer,
        *,
        perturbation: Literal["none", "worst", "gaussian", "given", "scaled"] = "none",
        rho: float = 0.0,
        norm: Literal["chosen", "all"] = "chosen",
        variance: float = 0.0,
        factor: float = 0.0,
        layers: _SupportsBuffer | None = None,
        values: _SupportsBuffer | None = None,
        token_weights: _SupportsBuffer | None = None,
        reference: _SupportsBuffer | None = None,
        reference_weight: float = 0.0,
        weight: float = 1.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
        first_sequence: int = 0,
        sequence_count: int = 0,
    ) -> dict[str, Any]:
        """The fields of VaccineStepReport, and `perturbation_norms`: L floats."""

    def backward_from(
        self,
        input_ids: _SupportsBuffer,
        labels: _SupportsBuffer,
        offsets: _SupportsBuffer,
        *,
        states: Sequence[str] = (),
        layers: _SupportsBuffer | None = None,
        gradients: _SupportsBuffer | None = None,
        logits: _SupportsBuffer | None = None,
        seed: int | None = None,
        stream: int = 0,
        draw: int = 0,
        first_sequence: int = 0,
        sequence_count: int = 0,
    ) -> float:
        """The norm of all gradients."""

    def log_probabilities(
        self,
        input_ids: _SupportsBuffer,
        labels: _SupportsBuffer,
        offsets: _SupportsBuffer,
        rows: int,
    ) -> Buffer:
        """Float32 [rows, V] at the supervised tokens."""

    def attention_gradients(
        self,
        input_ids: _SupportsBuffer,
        labels: _SupportsBuffer,
        offsets: _SupportsBuffer,
        *,
        token_weights: _SupportsBuffer | None = None,
        reference: _SupportsBuffer | None = None,
        reference_weight: float = 0.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
        first_sequence: int = 0,
        sequence_count: int = 0,
    ) -> tuple[float, list[float]]:
        """The loss, and the squared norm of every layer's gradient."""

    def attention_gradient_states(self) -> Buffer: ...
    def zero_gradients(self) -> None: ...
    def perturbations(self) -> Buffer: ...
    def generate(
        self,
        input_ids: _SupportsBuffer,
        offsets: _SupportsBuffer,
        *,
        max_new_tokens: _SupportsBuffer,
        temperature: float,
        top_p: float,
        seed: int,
        first_prompt: int,
        end_tokens: _SupportsBuffer,
    ) -> list[list[int]]: ...

@final
class AdamW:
    """AdamW over a model's adapter; holds both moments and the step count."""

    def __new__(
        cls,
        model: Model,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
    ) -> AdamW: ...
    step_count: int
    def step(
        self, model: Model, learning_rate: float, max_gradient_norm: float
    ) -> float:
        """The global gradient norm before clipping."""

    def skipped(self, name: str) -> int:
        """Steps during which an adapter tensor was frozen."""

    def set_skipped(self, name: str, count: int) -> None: ...
    def read(self, moment: Literal["first", "second"], name: str) -> Buffer: ...
    def write(
        self, moment: Literal["first", "second"], name: str, values: _SupportsBuffer
    ) -> None: ...

@final
class Vector:
    """A model's adapter or gradient, or zeros of their shape, as one vector."""

    def __new__(
        cls, model: Model, source: Literal["adapter", "gradient", "zeros"]
    ) -> Vector: ...
    def copy(self, other: Vector) -> None: ...
    def axpy(self, alpha: float, other: Vector) -> None: ...
    def add_product(self, alpha: float, a: Vector, b: Vector) -> None: ...
    def scale(self, alpha: float) -> None: ...
    def dot(self, other: Vector) -> float: ...
    def read(self) -> Buffer: ...
    def write(self, values: _SupportsBuffer) -> None: ...

def perturbation(gradients: Sequence[_SupportsBuffer], rho: float) -> list[Buffer]: ...
def schedule_factor(
    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine"],
    step: int,
    warmup_steps: int,
    total_steps: int,
) -> float: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def available_memory() -> int:
    """Bytes that can be taken, of the machine, its control groups and address space."""

def dtypes() -> tuple[str, ...]: ...
def build_description() -> str: ...

@final
class Turn:
    """A context that one thread at a time is in."""

    def __new__(cls, owner: str) -> Turn: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *exception: object) -> None: ...

@final
class MappedFile:
    """The bytes of a file, mapped for reading (buffer protocol).

    Where the file is cut short meanwhile they read as zeros; `check_mapped` and every
    call of the core that read them raise OSError then.
    """

    def __new__(cls, path: str | os.PathLike[str]) -> MappedFile: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

def check_mapped(array: _SupportsBuffer | None = None, /) -> None:
    """OSError if the array is memory of a `MappedFile` that was cut short since.

    Without an array, if any such file was.
    """

# The drift analyser: arrays in, arrays filled. Shapes stand in VaccineDrift.h.

def drift_state_counts(width: int, /) -> tuple[int, int, int]:
    """Numbers of a fold's first and second moments, and of a prompt's sums."""

def drift_metrics() -> list[
    tuple[str, str, str, float, float | None, int, bool, bool, bool]
]:
    """The fields of `vaccine_swift.drift.metrics.CoreMetric`, by number."""

def drift_reasons() -> list[str]:
    """Why an estimate is NaN, by number."""

def drift_table(
    reference: _SupportsBuffer,
    current: _SupportsBuffer,
    order: _SupportsBuffer,
    starts: _SupportsBuffer,
    keys: _SupportsBuffer,
    directions: int,
    folds: int,
    seed: int,
    sums: _SupportsBuffer,
    sketches: _SupportsBuffer,
    moments: _SupportsBuffer,
    /,
) -> None: ...
def drift_paired(
    reference: _SupportsBuffer,
    current: _SupportsBuffer,
    keys: _SupportsBuffer,
    folds: int,
    sketch: int,
    seed: int,
    states: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_unpaired(
    x: _SupportsBuffer,
    y: _SupportsBuffer | None,
    state: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_span(
    x: _SupportsBuffer,
    y: _SupportsBuffer | None,
    coordinates: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_row_metrics(
    reference: _SupportsBuffer,
    current: _SupportsBuffer,
    metrics: _SupportsBuffer,
    values: _SupportsBuffer,
    /,
) -> None: ...
def drift_merge_vector(
    a: _SupportsBuffer, b: _SupportsBuffer, count: int, width: int, /
) -> None: ...
def drift_merge_paired(
    a: _SupportsBuffer, b: _SupportsBuffer, count: int, width: int, /
) -> None: ...
def drift_vector_folds(states: _SupportsBuffer, folds: int, width: int, /) -> int:
    """How many folds have rows."""

def drift_paired_folds(states: _SupportsBuffer, folds: int, width: int, /) -> int: ...
def drift_table_metrics(
    table: _SupportsBuffer,
    keys: _SupportsBuffer,
    layers: int,
    width: int,
    draws: int,
    confidence: float,
    seed: int,
    estimates: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_prompt_metric(
    table: _SupportsBuffer,
    prompts: int,
    layers: int,
    width: int,
    metric: int,
    values: _SupportsBuffer,
    /,
) -> None: ...
def drift_vector_metrics(
    states: _SupportsBuffer,
    folds: int,
    width: int,
    t: float,
    estimates: _SupportsBuffer,
    /,
) -> None: ...
def drift_paired_metrics(
    states: _SupportsBuffer,
    folds: int,
    width: int,
    metrics: _SupportsBuffer,
    t: float,
    intervals: bool,
    directions: _SupportsBuffer,
    set_rows: _SupportsBuffer,
    estimates: _SupportsBuffer,
    spectra: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_sign_flips(
    deltas: _SupportsBuffer,
    keys: _SupportsBuffer,
    layers: int,
    directions: int,
    draws: int,
    seed: int,
    norms: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_contrast(
    values: _SupportsBuffer,
    first: _SupportsBuffer,
    keys: _SupportsBuffer,
    measures: int,
    draws: int,
    confidence: float,
    seed: int,
    statistics: _SupportsBuffer,
    bounds: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_layer_map(
    sketches: _SupportsBuffer,
    prompts: int,
    layers: int,
    directions: int,
    result: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_two_sample(
    x: _SupportsBuffer,
    y: _SupportsBuffer,
    groups: _SupportsBuffer,
    relabelling: int,
    bandwidths: _SupportsBuffer,
    draws: int,
    unbiased: bool,
    paired: bool,
    seed: int,
    memory: int,
    statistics: _SupportsBuffer,
    means: _SupportsBuffer,
    used: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_kolmogorov_smirnov(
    x: _SupportsBuffer,
    y: _SupportsBuffer,
    statistics: _SupportsBuffer,
    p_values: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_sliced_wasserstein(
    x: _SupportsBuffer,
    y: _SupportsBuffer,
    projections: int,
    p: int,
    seed: int,
    powers: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_neighbour_overlap(
    x: _SupportsBuffer,
    y: _SupportsBuffer,
    k: int,
    shares: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
def drift_classifier_scores(
    x: _SupportsBuffer,
    y: _SupportsBuffer,
    folds: _SupportsBuffer,
    count: int,
    scores: _SupportsBuffer,
    progress: Callable[[float], object] | None = None,
    /,
) -> None: ...
