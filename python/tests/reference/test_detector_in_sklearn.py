"""`DriftDetector` in scikit-learn: its own checks, pipelines, clones, searches."""

from __future__ import annotations

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from vaccine_swift import drift  # noqa: E402

pytestmark = pytest.mark.reference

A_SET = "it decides on a set of rows, not on each row"
DO_NOT_APPLY = {
    "check_methods_sample_order_invariance": A_SET,
    "check_methods_subset_invariance": A_SET,
}
"""Checks of scikit-learn, each with the reason for which it does not apply."""


@pytest.mark.filterwarnings("ignore:Estimator DriftDetector does not inherit")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_the_checks_of_estimators_hold_but_those_that_do_not_apply() -> None:
    found = check_estimator(
        drift.DriftDetector(permutations=99),
        expected_failed_checks=DO_NOT_APPLY,
        on_fail=None,
    )
    failed = {
        each["check_name"]: str(each["exception"])
        for each in found
        if each["status"] == "failed"
    }
    assert failed == {}
    expected = {each["check_name"] for each in found if each["status"] == "xfail"}
    assert expected == set(DO_NOT_APPLY)
    passed = [each for each in found if each["status"] == "passed"]
    assert len(passed) > 30


def test_it_ends_a_pipeline() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 200, 6)) * [1, 1, 1, 100, 1, 1]
    y[:, 0] += 1.0
    pipeline = make_pipeline(StandardScaler(), drift.DriftDetector()).fit(x)
    scaler = StandardScaler().fit(x)
    alone = drift.DriftDetector().fit(scaler.transform(x))
    assert pipeline.predict(y) is True
    assert pipeline.predict(x) is False
    assert pipeline.score(y) == alone.score(scaler.transform(y))
    assert drift.DriftDetector().fit(x).predict(y) is False  # the wide column hides it


def test_its_arguments_are_set_through_a_pipeline_and_cloned() -> None:
    steps = [("pca", PCA(2)), ("drift", drift.DriftDetector())]
    pipeline = Pipeline(steps).set_params(drift__level=0.2, drift__tests=["ks"])
    detector = clone(pipeline).named_steps["drift"]
    assert detector.get_params() == {
        "tests": ["ks"],
        "level": 0.2,
        "permutations": None,
        "seed": 0,
    }
    with pytest.raises(NotFittedError):
        detector.predict(np.ones((9, 2)))
