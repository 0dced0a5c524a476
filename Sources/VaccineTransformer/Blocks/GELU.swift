internal import VaccineNumerics

/// y = gelu(up), exact.
struct GELU: PlainActivation {
    @inline(__always) static func value(_ z: Lanes) -> Lanes { gelu(z).value }

    @inline(__always)
    static func gradient(_ z: Lanes, dY: Lanes) -> Lanes { dY * gelu(z).slope }
}

/// y = gelu(gate) ⊙ up, exact.
struct GatedGELU: GatedActivation {
    @inline(__always) static func value(_ gate: Lanes) -> Lanes { gelu(gate).value }

    @inline(__always)
    static func gradient(_ gate: Lanes, _ up: Lanes, dY: Lanes) -> (gate: Lanes, up: Lanes) {
        let (value, slope) = gelu(gate)
        return (dY * up * slope, dY * value)
    }
}

/// y = gelu(up), by tanh.
struct TanhGELU: PlainActivation {
    @inline(__always) static func value(_ z: Lanes) -> Lanes { tanhGELU(z).value }

    @inline(__always)
    static func gradient(_ z: Lanes, dY: Lanes) -> Lanes { dY * tanhGELU(z).slope }
}

/// y = gelu(gate) ⊙ up, by tanh.
struct GatedTanhGELU: GatedActivation {
    @inline(__always) static func value(_ gate: Lanes) -> Lanes { tanhGELU(gate).value }

    @inline(__always)
    static func gradient(_ gate: Lanes, _ up: Lanes, dY: Lanes) -> (gate: Lanes, up: Lanes) {
        let (value, slope) = tanhGELU(gate)
        return (dY * up * slope, dY * value)
    }
}

/// z · Φ(z) and Φ(z) + z · φ(z), of the normal distribution Φ with density φ.
///
/// - Numerical note: Φ(−a) = exp(−a²/2) · P(t), t = 1 / (1 + 0.34·a), the form of Abramowitz and Stegun
///   7.1.26, with P fitted to a relative error below 4e-8 for a ≤ 14. Beyond, Φ is 0 or 1 in float32.
/// - SeeAlso: Hendrycks and Gimpel 2016, arXiv:1606.08415.
@inline(__always)
private func gelu(_ z: Lanes) -> (value: Lanes, slope: Lanes) {
    let magnitude = z.larger(of: -z)
    let t = 1 / (1 + 0.34 * magnitude)
    var p = Lanes(repeating: -0.026_120_502_5)
    p = Lanes(repeating: 0.139_499_605).addingProduct(p, t)
    p = Lanes(repeating: -0.273_132_95).addingProduct(p, t)
    p = Lanes(repeating: 0.202_182_874).addingProduct(p, t)
    p = Lanes(repeating: -0.044_718_571).addingProduct(p, t)
    p = Lanes(repeating: 0.115_359_202).addingProduct(p, t)
    p = Lanes(repeating: 0.115_197_651).addingProduct(p, t)
    p = Lanes(repeating: 0.136_112_198).addingProduct(p, t)
    p = Lanes(repeating: 0.135_620_505).addingProduct(p, t)
    let square = (z * z).smaller(of: Lanes(repeating: 1e3))
    let bell = (-0.5 * square).exponential()
    let beyond = p * t * bell
    let distribution = (1 - beyond).selecting(beyond, whereNegative: z)
    let inverseRoot: Float = 0.398_942_28  // 1 / √(2π)
    return (z * distribution, distribution + z * bell * inverseRoot)
}

/// z · σ(2u) and its slope, where tanh(u) stands for erf(z/√2): u = √(2/π) · (z + 0.044715·z³).
///
/// From |z| = 100 on, where σ is 0 or 1, z³ grows no faster than z.
@inline(__always)
private func tanhGELU(_ z: Lanes) -> (value: Lanes, slope: Lanes) {
    let square = (z * z).smaller(of: Lanes(repeating: 1e4))
    let twiceRoot: Float = 1.595_769_12  // 2 · √(2/π)
    let decay = (-twiceRoot * z * (1 + 0.044715 * square)).exponential()
    let s = 1 / (1 + decay)
    let inner = twiceRoot * (1 + 3 * 0.044715 * square)
    return (z * s, s + z * s * (decay * s) * inner)
}
