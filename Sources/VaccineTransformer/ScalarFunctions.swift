// The two functions of the C library that this module calls on single numbers.

internal import Glibc

/// Natural logarithm in single precision.
func logarithm(_ x: Float) -> Float { logf(x) }

/// e raised to x in double precision.
func exponential(_ x: Double) -> Double { exp(x) }
