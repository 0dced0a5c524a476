internal import VaccineNumerics

/// The gated activation of the feed-forward block.
///
/// ```
/// y = silu(gate) ⊙ up,   silu(z) = z / (1 + e^−z)
/// ```
/// - Parameters: `gateUp`: shape [T, 2F], gate in the left half. `y`: shape [T, F], overwritten.
/// - SeeAlso: Shazeer 2020, arXiv:2002.05202, Eq. 6.
func swiGLUForward(_ gateUp: Matrix, into y: Matrix) {
    Threads.forEachRange(of: y.rows) { range in
        for row in range {
            let pair = gateUp[row]
            let (gate, up) = (
                pair.extracting(0..<y.columns), pair.extracting(y.columns..<pair.count)
            )
            var target = y.mutable(row)
            sweep(y.columns) {
                target.setLanes(silu(gate.lanes(at: $0)) * up.lanes(at: $0), at: $0)
            } tail: {
                target.setLanesTail(silu(gate.lanesTail(at: $0)) * up.lanesTail(at: $0), at: $0)
            }
        }
    }
}

/// The gradient of `swiGLUForward`.
///
/// ```
/// dgate = dy ⊙ up ⊙ σ(gate) ⊙ (1 + gate ⊙ (1 − σ(gate))),   dup = dy ⊙ silu(gate)
/// ```
/// - Parameters: `dY`: shape [T, F]. `dGateUp`: shape [T, 2F], overwritten.
func swiGLUBackward(_ gateUp: Matrix, dY: Matrix, into dGateUp: Matrix) {
    let width = dY.columns
    let dGates = dGateUp.columns(0..<width)
    let dUps = dGateUp.columns(width..<2 * width)
    Threads.forEachRange(of: dY.rows) { range in
        for row in range {
            let pair = gateUp[row]
            let (gate, up) = (pair.extracting(0..<width), pair.extracting(width..<2 * width))
            let dy = dY[row]
            var dGate = dGates.mutable(row)
            var dUp = dUps.mutable(row)
            sweep(width) {
                let (a, b) = gradient(gate.lanes(at: $0), up.lanes(at: $0), dy.lanes(at: $0))
                dGate.setLanes(a, at: $0)
                dUp.setLanes(b, at: $0)
            } tail: {
                let (a, b) = gradient(
                    gate.lanesTail(at: $0), up.lanesTail(at: $0), dy.lanesTail(at: $0))
                dGate.setLanesTail(a, at: $0)
                dUp.setLanesTail(b, at: $0)
            }
        }
    }
}

@inline(__always) private func sigmoid(_ z: Lanes) -> Lanes { 1 / (1 + (-z).exponential()) }

@inline(__always) private func silu(_ z: Lanes) -> Lanes { z * sigmoid(z) }

@inline(__always)
private func gradient(_ gate: Lanes, _ up: Lanes, _ dy: Lanes) -> (gate: Lanes, up: Lanes) {
    let s = sigmoid(gate)
    return (dy * up * s * (1 + gate * (1 - s)), dy * gate * s)
}
