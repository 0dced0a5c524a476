"""`DriftDetector`, without scikit-learn."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from vaccine_swift import drift

X, Y = np.random.default_rng(0).normal(size=(2, 60, 4))
SHIFTED = Y + 0.8


@pytest.fixture(scope="module")
def detector() -> drift.DriftDetector:
    return drift.DriftDetector(["mmd", "ks"], permutations=199).fit(X)


@pytest.mark.parametrize("test", ["mmd", "energy", "ks", "classifier"])
def test_the_score_is_the_statistic_of_the_first_test(test) -> None:
    detector = drift.DriftDetector([test], permutations=19, seed=3).fit(X)
    expected = {
        "mmd": lambda: drift.mmd(X, SHIFTED, permutations=19, seed=3).statistic,
        "energy": lambda: drift.energy_distance(X, SHIFTED, permutations=0).statistic,
        "ks": lambda: drift.ks(X, SHIFTED).statistics.max(),
        "classifier": lambda: drift.classifier_auc(X, SHIFTED, seed=3).statistic,
    }[test]()
    assert detector.score(SHIFTED) == expected > detector.score(Y)


def test_it_says_yes_where_a_corrected_p_value_is_at_the_level(detector) -> None:
    assert detector.predict(SHIFTED) is True
    assert detector.predict(Y) is False
    made = drift.two_sample(X, Y, tests=["mmd", "ks"], permutations=199)
    found = detector.report(Y)
    assert found.to_dict()["segments"] == made.to_dict()["segments"]
    near = drift.two_sample(X, Y + 0.2, tests=["mmd", "ks"], permutations=199)
    p_value = near.to_dict()["segments"]["all"]["p_value"]
    assert 0.05 < p_value < 1
    bold = drift.DriftDetector(["mmd", "ks"], level=p_value, permutations=199).fit(X)
    assert bold.predict(Y + 0.2) is True
    assert detector.predict(Y + 0.2) is False


def test_seldom_yes_without_drift() -> None:
    rng = np.random.default_rng(1)
    said = 0
    for seed in range(100):
        x, y = rng.normal(size=(2, 20, 2))
        made = drift.DriftDetector(permutations=39, seed=seed).fit(x)
        said += made.predict(y)
    # 5 are expected; 13 or more have a chance below 0.002.
    assert said < 13


def test_arguments_are_read_and_changed_by_name(detector) -> None:
    made = drift.DriftDetector()
    assert made.get_params() == {
        "tests": ("mmd",),
        "level": 0.05,
        "permutations": None,
        "seed": 0,
    }
    assert made.set_params(level=0.1, seed=4) is made
    assert (made.level, made.seed) == (0.1, 4)
    assert repr(made) == "DriftDetector(level=0.1, seed=4)"
    assert repr(drift.DriftDetector()) == "DriftDetector()"
    with pytest.raises(ValueError, match="Did you mean 'level'"):
        made.set_params(levl=0.1)


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.int16, ">f4"])
def test_rows_of_any_type_are_read(kind) -> None:
    x, y = (8 * X).round().astype(kind), (8 * SHIFTED).round().astype(kind)
    plain = drift.DriftDetector(permutations=19).fit(x.astype(float))
    found = drift.DriftDetector(permutations=19).fit(x)
    assert found.score(y) == pytest.approx(plain.score(y.astype(float)), rel=1e-5)


def test_it_is_pickled_and_keeps_its_own_reference(detector) -> None:
    again = pickle.loads(pickle.dumps(detector))
    assert again.score(Y) == detector.score(Y)
    given = X.copy()
    made = drift.DriftDetector(permutations=19).fit(given)
    before = made.score(Y)
    given += 5
    assert made.score(Y) == before


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (X[:4], ValueError, "at least 5 rows, got n_samples=4"),
        (X[0], ValueError, "Reshape your data"),
        (X + 1j, ValueError, "Complex data not supported"),
        (X[:, :0], ValueError, "0 feature(s) (shape=(60, 0))"),
        (np.where(X > 2, np.nan, X), ValueError, "without NaN or inf, but row"),
        (np.where(X > 2, -np.inf, X), ValueError, "is -inf"),
        ([["a", "b"]] * 9, TypeError, "X must be an array of real numbers"),
    ],
)
def test_bad_rows_are_named_by_fit_and_predict(value, error, words, detector) -> None:
    for call in (drift.DriftDetector().fit, detector.predict, detector.score):
        with pytest.raises(error, match=re.escape(words)):
            call(value)


def test_arguments_are_checked_by_fit_and_not_before() -> None:
    made = drift.DriftDetector(level=3)
    with pytest.raises(ValueError, match="level must be above 0"):
        made.fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but DriftDetector is"):
        drift.DriftDetector().fit(X).predict(X[:, :3])
    with pytest.raises(ValueError, match="Did you mean 'mmd'"):
        drift.DriftDetector(["mdm"]).fit(X)


def test_without_scikit_learn_an_unfitted_one_is_a_state() -> None:
    code = (
        "import sys, numpy as np\n"
        "from vaccine_swift import drift\n"
        "try: drift.DriftDetector().predict(np.ones((9, 2)))\n"
        "except RuntimeError as error: print(error)\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "this DriftDetector is not fitted yet: call fit first\n"


def test_a_report_tells_how_far_it_is() -> None:
    x, y = np.random.default_rng(1).normal(size=(2, 4000, 40))
    told = []
    detector = drift.DriftDetector().fit(x)
    detector.report(y, progress=lambda *each: told.append(each))
    assert {"mmd of all", "farthest rows"} <= {stage for stage, _, _ in told}
    assert told[-1][1:] == (1.0, 1.0)
