"""What is seen of a long measurement."""

from __future__ import annotations

import io

import numpy as np

from vaccine_swift import drift

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 8))
Y = X + 0.1
IDS = np.arange(400)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def extended(progress, **sides) -> None:
    rows = {"reference": X, "current": Y} | sides
    drift.Accumulator(8).extend(**rows, ids=IDS, memory=128 * 50, progress=progress)


def test_a_callable_is_told_of_rows_in_order() -> None:
    told = []
    extended(lambda *each: told.append(each))
    names, done, total = zip(*told, strict=True)
    assert set(names) == {"rows"}
    assert set(total) == {400}
    assert list(done) == sorted(set(done))
    assert done[-1] == 400
    assert len(done) >= 8


def test_the_number_of_rows_is_none_where_a_source_does_not_say() -> None:
    told = []
    sides = {"reference": iter([X]), "current": iter([Y])}
    extended(lambda *each: told.append(each), **sides)
    assert {each[2] for each in told} == {None}
    assert told[-1][1] == 400


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch) -> None:
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr("sys.stderr", stream)
        extended(progress=True)
        text = stream.getvalue()
        if stream.isatty():
            assert "rows" in text
            assert "0/400" in text
        else:
            assert text == ""
    monkeypatch.setattr("sys.stderr", stream := Terminal())
    extended(progress=False)
    assert stream.getvalue() == ""


def test_what_a_callable_raises_comes_out_and_nothing_is_added() -> None:
    class Enough(Exception):
        pass

    def tell(stage, done, total):
        if done > 200:
            raise Enough

    accumulator = drift.Accumulator(8)
    try:
        accumulator.extend(X, Y, ids=IDS, memory=128 * 50, progress=tell)
    except Enough:
        assert accumulator.rows == 0
    else:
        raise AssertionError("nothing was raised")
