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

from typing import TYPE_CHECKING

from vaccine_swift.machine.cpu_check import check_cpu

check_cpu()

from vaccine_swift._core import __version__, get_num_threads, set_num_threads
from vaccine_swift._lazy import lazy_names
from vaccine_swift.machine.processors import available_processors

# The core starts with the processors online.
set_num_threads(min(get_num_threads(), available_processors()))
del get_num_threads, set_num_threads

if TYPE_CHECKING:
    from vaccine_swift import data, distributed, drift, methods, study
    from vaccine_swift.batches import Batch, Example
    from vaccine_swift.lora import LoRAConfig
    from vaccine_swift.machine.threads import (
        get_num_threads,
        set_num_threads,
        show_config,
    )
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
    from vaccine_swift.models.quantize import quantize
    from vaccine_swift.models.tiny import tiny_config
    from vaccine_swift.repair import repair_adapter
    from vaccine_swift.text.tokenizer import Tokenizer
    from vaccine_swift.training import (
        EarlyStoppingCallback,
        Trainer,
        TrainerCallback,
        TrainerControl,
        TrainerState,
        TrainingArguments,
        TrainOutput,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "Batch": "vaccine_swift.batches",
        "CausalLM": "vaccine_swift.models",
        "EarlyStoppingCallback": "vaccine_swift.training",
        "Example": "vaccine_swift.batches",
        "LoRAConfig": "vaccine_swift.lora",
        "Method": "vaccine_swift.methods",
        "RandomPerturbation": "vaccine_swift.methods",
        "SFT": "vaccine_swift.methods",
        "Step": "vaccine_swift.methods",
        "StepReport": "vaccine_swift.models",
        "Tokenizer": "vaccine_swift.text.tokenizer",
        "TrainOutput": "vaccine_swift.training",
        "Trainer": "vaccine_swift.training",
        "TrainerCallback": "vaccine_swift.training",
        "TrainerControl": "vaccine_swift.training",
        "TrainerState": "vaccine_swift.training",
        "TrainingArguments": "vaccine_swift.training",
        "Vaccine": "vaccine_swift.methods",
        "data": "vaccine_swift.data",
        "distributed": "vaccine_swift.distributed",
        "drift": "vaccine_swift.drift",
        "get_num_threads": "vaccine_swift.machine.threads",
        "methods": "vaccine_swift.methods",
        "option": "vaccine_swift.methods",
        "perturbation": "vaccine_swift.methods",
        "quantize": "vaccine_swift.models.quantize",
        "repair_adapter": "vaccine_swift.repair",
        "set_num_threads": "vaccine_swift.machine.threads",
        "show_config": "vaccine_swift.machine.threads",
        "study": "vaccine_swift.study",
        "tiny_config": "vaccine_swift.models.tiny",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
    "distributed",
    "drift",
    "get_num_threads",
    "methods",
    "option",
    "perturbation",
    "quantize",
    "repair_adapter",
    "set_num_threads",
    "show_config",
    "study",
    "tiny_config",
]
