"""Vaccine: alignment of language models that survives fine-tuning, with a Swift core.

>>> import vaccine_swift as vs
>>> model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
>>> model.add_adapter(vs.LoRAConfig(r=4, lora_alpha=8), seed=0)
>>> batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, -100, 3, 4])])
>>> report = model.forward_backward(batch, method=vs.Vaccine(rho=2.0))
>>> report.loss > report.clean_loss
True
"""

from __future__ import annotations

from vaccine_swift._cpu_check import check_cpu

check_cpu()

from vaccine_swift import data, drift, methods, study
from vaccine_swift._core import __version__
from vaccine_swift.batches import Batch, Example
from vaccine_swift.lora import LoRAConfig
from vaccine_swift.methods import (
    SFT,
    Method,
    RandomPerturbation,
    Step,
    Vaccine,
    option,
    perturbation,
)
from vaccine_swift.models import CausalLM, StepReport
from vaccine_swift.threads import get_num_threads, set_num_threads, show_config
from vaccine_swift.tiny import tiny_config
from vaccine_swift.tokenizer import Tokenizer
from vaccine_swift.training import (
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    TrainOutput,
)

__all__ = [
    "SFT",
    "Batch",
    "CausalLM",
    "EarlyStoppingCallback",
    "Example",
    "LoRAConfig",
    "Method",
    "RandomPerturbation",
    "Step",
    "StepReport",
    "Tokenizer",
    "TrainOutput",
    "Trainer",
    "TrainerCallback",
    "TrainerControl",
    "TrainerState",
    "TrainingArguments",
    "Vaccine",
    "__version__",
    "data",
    "drift",
    "get_num_threads",
    "methods",
    "option",
    "perturbation",
    "set_num_threads",
    "show_config",
    "study",
    "tiny_config",
]
