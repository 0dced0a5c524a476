"""Causal language models: loading and saving, computing, adapters, generation."""

from vaccine_swift.engines.report import StepReport
from vaccine_swift.models.causal_lm import CausalLM

__all__ = ["CausalLM", "StepReport"]
