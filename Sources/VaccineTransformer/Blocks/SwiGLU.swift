internal import VaccineNumerics

/// y = silu(gate) ⊙ up, with silu(z) = z · σ(z).
struct SwiGLU: GatedActivation {
    @inline(__always) static func value(_ gate: Lanes) -> Lanes { gate * sigmoid(gate) }

    @inline(__always)
    static func gradient(_ gate: Lanes, _ up: Lanes, dY: Lanes) -> (gate: Lanes, up: Lanes) {
        let s = sigmoid(gate)
        return (dY * up * s * (1 + gate * (1 - s)), dY * gate * s)
    }
}

/// σ(z) = 1 / (1 + e^−z).
@inline(__always) private func sigmoid(_ z: Lanes) -> Lanes { 1 / (1 + (-z).exponential()) }
