internal import VaccineNumerics

/// y = max(0, up).
struct ReLU: PlainActivation {
    /// Of NaN and ±∞ NaN, so that they are not lost.
    @inline(__always)
    static func value(_ z: Lanes) -> Lanes { z.larger(of: .zero) + (z - z) }

    @inline(__always)
    static func gradient(_ z: Lanes, dY: Lanes) -> Lanes {
        Lanes.zero.selecting(dY, whereNegative: 0 - z)
    }
}
