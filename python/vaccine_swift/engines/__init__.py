"""Engines: what computes the verbs that methods are recipes over."""

from vaccine_swift.engines.base import AttentionGradients, Engine
from vaccine_swift.engines.swift import SwiftEngine, Vector

__all__ = ["AttentionGradients", "Engine", "SwiftEngine", "Vector"]
