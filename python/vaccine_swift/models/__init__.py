"""Causal language models: loading and saving, computing, adapters, generation."""

from vaccine_swift.models.causal_lm import CausalLM
from vaccine_swift.models.report import StepReport

__all__ = ["CausalLM", "StepReport"]
