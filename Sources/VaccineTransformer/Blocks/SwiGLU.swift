internal import VaccineNumerics

/// y = silu(gate) ⊙ up.
struct SwiGLU: Activation {
    let modules = ["gate", "up"]

    func forward(_ inner: Matrix, halves: HalfMatrix?, into y: Matrix) {
        swiGLUForward(inner, halves: halves, into: y)
    }

    func again(_ halves: HalfMatrix, places: [Matrix], into y: Matrix) {
        swiGLUForward(halves, places: places, into: y)
    }

    func backward(_ inner: Matrix, halves: HalfMatrix?, dY: Matrix) {
        swiGLUBackward(inner, halves: halves, dY: dY)
    }
}

// The gated activation of the feed-forward block (Shazeer 2020, arXiv:2002.05202, Eq. 6).
//
//     y = silu(gate) ⊙ up,   silu(z) = z · σ(z),   σ(z) = 1 / (1 + e^−z)
//
// Gate and up lie side by side, shape [T, 2F], gate in the left half; y has the shape [T, F]. Layers that
// keep them in float16 share one float matrix, which a backward pass reads again row by row.

/// - Parameters: `halves`: overwritten with `gateUp`; nil: nothing is kept. `y`: overwritten.
func swiGLUForward(_ gateUp: Matrix, halves: HalfMatrix? = nil, into y: Matrix) {
    Threads.forEachRange(of: y.rows) { range in
        for row in range {
            halves?.write(row, of: gateUp)
            activate(gateUp[row], into: y, row)
        }
    }
}

/// y once more, from what `swiGLUForward` kept.
///
/// - Parameters: `places`: for a row of each worker. `y`: overwritten.
func swiGLUForward(_ halves: HalfMatrix, places: [Matrix], into y: Matrix) {
    Threads.forEachBand(of: y.rows) { rows, worker in
        let place = places[worker].reshaped(rows: 1, columns: halves.columns)
        for row in rows {
            halves.read(row, into: place)
            activate(place[0], into: y, row)
        }
    }
}

/// The gradient of `swiGLUForward`.
///
/// ```
/// dgate = dy ⊙ up ⊙ σ(gate) ⊙ (1 + gate ⊙ (1 − σ(gate))),   dup = dy ⊙ silu(gate)
/// ```
/// - Parameters: `gateUp`: overwritten with its gradient. `halves`: what `swiGLUForward` kept; nil:
///   `gateUp` still holds its values.
func swiGLUBackward(_ gateUp: Matrix, halves: HalfMatrix? = nil, dY: Matrix) {
    let gates = gateUp.columns(0..<dY.columns)
    let ups = gateUp.columns(dY.columns..<gateUp.columns)
    Threads.forEachRange(of: dY.rows) { range in
        for row in range {
            halves?.read(row, into: gateUp.rows(row..<row + 1))
            let dy = dY[row]
            var gate = gates.mutable(row)
            var up = ups.mutable(row)
            sweep(dy.count) {
                let (a, b) = gradient(gate.lanes(at: $0), up.lanes(at: $0), dy.lanes(at: $0))
                gate.setLanes(a, at: $0)
                up.setLanes(b, at: $0)
            } tail: {
                let (a, b) = gradient(
                    gate.lanesTail(at: $0), up.lanesTail(at: $0), dy.lanesTail(at: $0))
                gate.setLanesTail(a, at: $0)
                up.setLanesTail(b, at: $0)
            }
        }
    }
}

/// y[row] from its gate and up.
@inline(__always)
private func activate(_ pair: Span<Float>, into y: Matrix, _ row: Int) {
    let (gate, up) = (pair.extracting(0..<y.columns), pair.extracting(y.columns..<pair.count))
    var target = y.mutable(row)
    sweep(y.columns) {
        target.setLanes(silu(gate.lanes(at: $0)) * up.lanes(at: $0), at: $0)
    } tail: {
        target.setLanesTail(silu(gate.lanesTail(at: $0)) * up.lanesTail(at: $0), at: $0)
    }
}

@inline(__always) private func sigmoid(_ z: Lanes) -> Lanes { 1 / (1 + (-z).exponential()) }

@inline(__always) private func silu(_ z: Lanes) -> Lanes { z * sigmoid(z) }

@inline(__always)
private func gradient(_ gate: Lanes, _ up: Lanes, _ dy: Lanes) -> (gate: Lanes, up: Lanes) {
    let s = sigmoid(gate)
    return (dy * up * s * (1 + gate * (1 - s)), dy * gate * s)
}
