"""The engine of the package: the Swift core behind `vaccine_swift._core`."""

from vaccine_swift.engines.swift.engine import SwiftEngine

__all__ = ["SwiftEngine"]
