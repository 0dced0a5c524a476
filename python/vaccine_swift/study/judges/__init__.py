"""Judges: what an answer does with a request.

A judge is any function of (request, answer) that gives a `Verdict`, its value as a
string, or a bool (True: harmful). Harmful means `Verdict.COMPLIANCE`.
"""

from vaccine_swift.study.judges.judging import (
    JUDGES,
    ONE_OF_JUDGES,
    Judge,
    Verdict,
    judge_all,
    load_judge,
)
from vaccine_swift.study.judges.rule import RuleJudge
from vaccine_swift.study.judges.validation import Agreement, refusal_agreement

__all__ = [
    "JUDGES",
    "ONE_OF_JUDGES",
    "Agreement",
    "Judge",
    "RuleJudge",
    "Verdict",
    "judge_all",
    "load_judge",
    "refusal_agreement",
]
