"""How a training step forms its gradient: recipes over the verbs of an engine.

A method is one file here, or a class of one's own anywhere: a frozen dataclass that
derives from `Method`, whose ``name`` enters it in the registry. Its fields are its
settings; each is an `option` with a default, a help text and bounds, and from these
follow the checks, the options of the command line, the arms of a study, the identity
in checkpoints, the label and the documentation's table. ``gradient`` is its recipe: it
is called once for every micro-batch and adds to the gradient with the verbs of `Step`.

To add a method to the package: write its file, import it below, add its row to
``python/docs/methods.md`` (`table` gives it). To add one of your own:

>>> from dataclasses import dataclass
>>> import vaccine_swift as vs
>>> @dataclass(frozen=True)
... class HalfSteps(vs.Method):
...     '''Plain fine-tuning with a share of the gradient.'''
...
...     name = "half-steps"
...     share: float = vs.option(0.5, help="what is kept of the gradient", minimum=0.0)
...
...     def gradient(self, step: vs.Step) -> vs.StepReport:
...         return step.forward_backward(weight=self.share)
>>> vs.methods.method_named("half-steps", share=0.25)
HalfSteps(share=0.25)
>>> vs.methods.unregister("half-steps")

Its attributes ``perturbs`` and ``streams`` say what a run has to provide: memory for a
perturbation, and data streams beside the training rows.
"""

from vaccine_swift.engines.loss_terms import Reference
from vaccine_swift.engines.perturbations import (
    Gaussian,
    Given,
    Perturbation,
    Worst,
    perturbation,
)
from vaccine_swift.methods.base import Method
from vaccine_swift.methods.booster import Booster
from vaccine_swift.methods.documentation import table
from vaccine_swift.methods.lisa import Lisa
from vaccine_swift.methods.options import Option, option, options_of
from vaccine_swift.methods.random_perturbation import RandomPerturbation
from vaccine_swift.methods.registry import (
    method_class,
    method_named,
    registered,
    unregister,
)
from vaccine_swift.methods.sft import SFT
from vaccine_swift.methods.step import Step
from vaccine_swift.methods.t_vaccine import TVaccine
from vaccine_swift.methods.vaccine import Vaccine

__all__ = [
    "SFT",
    "Booster",
    "Gaussian",
    "Given",
    "Lisa",
    "Method",
    "Option",
    "Perturbation",
    "RandomPerturbation",
    "Reference",
    "Step",
    "TVaccine",
    "Vaccine",
    "Worst",
    "method_class",
    "method_named",
    "option",
    "options_of",
    "perturbation",
    "registered",
    "table",
    "unregister",
]
