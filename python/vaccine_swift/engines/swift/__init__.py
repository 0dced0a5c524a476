"""The engine of the package: the Swift core behind `vaccine_swift._core`."""

from vaccine_swift.engines.swift.engine import SwiftEngine
from vaccine_swift.engines.swift.vector import Vector

__all__ = ["SwiftEngine", "Vector"]
