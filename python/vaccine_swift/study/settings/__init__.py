"""The settings of a study by what they are about, each said once at its field."""

from vaccine_swift.study.settings.alignment import AlignmentSettings
from vaccine_swift.study.settings.attack import AttackSettings
from vaccine_swift.study.settings.compared import METHODS, ComparedSettings
from vaccine_swift.study.settings.evaluation import NO_ROWS, EvaluationSettings
from vaccine_swift.study.settings.model import SMOLLM2, ModelSettings
from vaccine_swift.study.settings.training import TrainingSettings

__all__ = [
    "METHODS",
    "NO_ROWS",
    "SMOLLM2",
    "AlignmentSettings",
    "AttackSettings",
    "ComparedSettings",
    "EvaluationSettings",
    "ModelSettings",
    "TrainingSettings",
]
