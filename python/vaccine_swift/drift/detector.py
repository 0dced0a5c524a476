"""`DriftDetector`: a two-sample test in the form of scikit-learn's estimators."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift.rows import rows
from vaccine_swift.drift.segment_tests import FEWEST, checked_tests
from vaccine_swift.drift.segments import two_sample
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.drift.watch import Progress
from vaccine_swift.drift.widths import readable

__all__ = ["DriftDetector"]


class DriftDetector:
    """Whether a set of rows has drifted from a reference, as an estimator.

    It has `get_params`, `set_params`, `fit`, `predict` and `score`, may be cloned and
    stand at the end of scikit-learn's ``Pipeline``. scikit-learn need not be installed.
    Unlike other estimators it decides on a set of rows, not on each row.

    Parameters
    ----------
    tests : sequence of {"mmd", "energy", "ks", "classifier"}
        As of `two_sample`; `score` is the statistic of the first one.
    level : float
        `predict` says yes where a p-value, corrected by Holm for the tests, is at most
        this.
    permutations : int, optional
        B of every permutation test, as of `two_sample`.
    seed : int
        Of all draws.

    Attributes
    ----------
    reference_ : array [n, d]
        What `fit` was given.
    n_features_in_ : int
        Its columns, d.

    Notes
    -----
    Arguments are looked at by `fit`, as scikit-learn wants it.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> detector = DriftDetector().fit(rng.normal(size=(200, 8)))
    >>> x = rng.normal(size=(100, 8))
    >>> detector.predict(x), detector.predict(x + 0.5)
    (False, True)
    >>> bool(detector.score(x) < detector.score(x + 0.5))
    True
    """

    def __init__(
        self,
        tests: Sequence[str] = ("mmd",),
        *,
        level: float = 0.05,
        permutations: int | None = None,
        seed: int = 0,
    ) -> None:
        self.tests = tests
        self.level = level
        self.permutations = permutations
        self.seed = seed

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Keep the reference.

        Parameters
        ----------
        X : array [n, d]
            At least 5 rows.
        y : ignored

        Raises
        ------
        TypeError, ValueError
            For arguments that do not fit; names the argument.
        """
        checked_tests(self.tests, None)
        check_range("level", self.level, above=0.0, below=1.0)
        reference = _rows(X)
        if len(reference) < FEWEST:
            raise ValueError(
                f"X must have at least {FEWEST} rows, got n_samples={len(reference)}"
            )
        self.reference_ = reference.copy()
        self.n_features_in_ = reference.shape[1]
        return self

    def predict(self, X: npt.ArrayLike) -> bool:
        """Whether the rows have drifted.

        Parameters
        ----------
        X : array [m, d]
            At least 5 rows.

        Raises
        ------
        RuntimeError
            Before `fit`; scikit-learn's NotFittedError where that is loaded.
        TypeError, ValueError
            For arguments that do not fit; names the argument.
        """
        return bool(self.report(X).moved)

    def score(self, X: npt.ArrayLike, y: object = None) -> float:
        """The statistic of the first test, larger for rows that are farther off.

        Parameters
        ----------
        X : array [m, d]
            At least 5 rows.
        y : ignored

        Raises
        ------
        RuntimeError, TypeError, ValueError
            As `predict`.
        """
        found = self.report(X).content["segments"]["all"]["tests"]
        return float(next(iter(found.values()))["statistic"])

    def report(
        self, X: npt.ArrayLike, *, progress: Progress = False
    ) -> TwoSampleReport:
        """All that was found: p-values, sizes, a page.

        Parameters
        ----------
        X : array [m, d]
            At least 5 rows.
        progress : bool or callable
            As of `two_sample`.

        Raises
        ------
        RuntimeError, TypeError, ValueError
            As `predict`.
        """
        if not self.__sklearn_is_fitted__():
            raise _not_fitted("this DriftDetector is not fitted yet: call fit first")
        current = _rows(X)
        if current.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {current.shape[1]} features, but DriftDetector is expecting "
                f"{self.n_features_in_} features as input"
            )
        if len(current) < FEWEST:
            raise ValueError(
                f"X must have at least {FEWEST} rows, got n_samples={len(current)}"
            )
        return two_sample(
            self.reference_,
            current,
            tests=self.tests,
            level=self.level,
            permutations=self.permutations,
            seed=self.seed,
            progress=progress,
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001
        """The arguments by name; `deep` has no meaning here."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Change arguments.

        Raises
        ------
        ValueError
            For a name that is none of them.
        """
        for name, value in params.items():
            if name not in _PARAMETERS:
                known = ", ".join(_PARAMETERS)
                raise ValueError(
                    f"Invalid parameter {name!r}: known are {known}."
                    f"{nearest(name, _PARAMETERS)}"
                )
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "reference_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=None,
            input_tags=InputTags(),
        )

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not _PARAMETERS[name] and value != _PARAMETERS[name]
        ]
        return f"DriftDetector({', '.join(changed)})"


_PARAMETERS = {
    name: parameter.default
    for name, parameter in inspect.signature(DriftDetector).parameters.items()
}
"""Arguments by name, with their defaults."""


def _rows(value: Any) -> npt.NDArray[Any]:
    """Rows as of other functions, refused in the words that scikit-learn expects."""
    if hasattr(value, "toarray"):
        raise TypeError("X must not be a sparse matrix: give X.toarray()")
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "c":
        raise ValueError("X must be real: Complex data not supported")
    shape: tuple[int, ...] = tuple(getattr(value, "shape", ()))
    if kind == "O" and len(shape) == 2:
        value = np.asarray(value).astype(np.float64)
    if len(shape) == 1 and kind in "biuf":
        raise ValueError(
            f"X must be [N, d], got shape {list(shape)}. Reshape your data: "
            "X.reshape(1, -1) is one row, X.reshape(-1, 1) one column"
        )
    if len(shape) == 2 and shape[1] == 0:
        raise ValueError(
            f"X has 0 feature(s) (shape=({shape[0]}, 0)) while a minimum of 1 is "
            "required."
        )
    array = readable(rows(value, "X"))
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(
            f"X must be finite, without NaN or inf, but row {row}, column {column} is "
            f"{array[row, column]}"
        )
    return array


def _not_fitted(message: str) -> Exception:
    if "sklearn" in sys.modules:
        from sklearn.exceptions import NotFittedError

        error: Exception = NotFittedError(message)
        return error
    return RuntimeError(message)
