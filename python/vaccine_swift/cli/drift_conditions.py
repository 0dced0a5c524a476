"""What conditions ask for, looked at before anything is measured."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from vaccine_swift._arguments import nearest
from vaccine_swift.drift.gate import TEST_FIELDS, Condition
from vaccine_swift.drift.permutation_tests import TESTS
from vaccine_swift.drift.report_schema import METRICS, is_metric
from vaccine_swift.drift.two_sample_content import (
    SEGMENT_FIELDS,
    SEGMENT_TEST_FIELDS,
    listed,
)

__all__ = ["check_conditions"]


def check_conditions(options: argparse.Namespace) -> None:
    """Refuse conditions that no report of this kind can answer.

    Names of groups and segments are those of the data, and judged with the report.

    Raises
    ------
    ValueError
        When a condition cannot be read, or asks for a number that there is not.
    """
    for text in options.conditions or ():
        condition = Condition.parse(text)
        owner, _, key = condition.name.rpartition(".")
        if options.windows:
            known = ("alarms", *SEGMENT_FIELDS, "evidence", *SEGMENT_TEST_FIELDS)
            _check(key, dict.fromkeys(known))
        elif options.unpaired:
            _check(key, dict.fromkeys((*SEGMENT_FIELDS, *SEGMENT_TEST_FIELDS)))
        elif not is_metric(key):
            _check(key, dict.fromkeys((*METRICS, *TEST_FIELDS)))
            _check_test(options, owner, key)


def _check(key: str, known: Collection[str]) -> None:
    if key not in known:
        hint = nearest(key, known) or f" Known are {listed(list(known))}."
        raise ValueError(f"--assert: the report will have no number {key!r}.{hint}")


def _check_test(options: argparse.Namespace, owner: str, key: str) -> None:
    """Of a number that only tests have."""
    if owner not in TESTS:
        got = f"{owner!r}.{nearest(owner, TESTS)}" if owner else "none"
        raise ValueError(
            f"--assert: {key} must be that of a test, as signflip.{key}, got {got}"
        )
    asked = options.tests
    if asked is not None and owner not in {each.strip() for each in asked.split(",")}:
        raise ValueError(f"--assert: {owner} is not among --tests {asked}")
    if owner == "contrast" and not (options.group or options.group_by):
        raise ValueError(
            "--assert: contrast compares groups, give --group-by or --group"
        )
