internal import VaccineNumerics

/// Root-mean-square normalisation; of each row the inverse of its size is kept.
struct RMSNorm: Norm {
    let weight: Matrix
    let epsilon: Float
    /// Added to every weight.
    let offset: Float

    var weights: [(ending: String, values: Matrix)] { [("weight", weight)] }

    func forward(_ x: Matrix, statistics: Matrix, into y: Matrix) {
        rmsNormForward(
            x, weight: weight, offset: offset, epsilon: epsilon, inverse: statistics, into: y)
    }

    func again(_ x: Matrix, statistics: Matrix, into y: Matrix) {
        rmsNormAgain(x, weight: weight, offset: offset, inverse: statistics, into: y)
    }

    func backward(_ x: Matrix, statistics: Matrix, dY: Matrix, addingTo dX: Matrix) {
        rmsNormBackward(
            x, weight: weight, offset: offset, inverse: statistics, dY: dY, addingTo: dX)
    }
}

struct RMSNormSettings: NormSettings {
    var epsilon: Float = 1e-5
    /// 1 in Gemma, whose weights are kept near 0.
    private var offset: Float
    let statisticsWidth = 1

    init(_ reader: inout DescriptionReader) {
        epsilon = Float(reader.real("norm_epsilon"))
        offset = Float(reader.real("norm_offset", otherwise: 0))
    }

    var neutralWeight: Float { 1 - offset }

    func check(_ faults: inout Faults) {
        faults.expectPositive("norm_epsilon", Double(epsilon))
        if !offset.isFinite {
            faults.add("norm_offset must be finite, got \(offset)", about: "norm_offset")
        }
    }

    func layOut(width: Int, in arena: Arena) -> any Norm {
        RMSNorm(weight: arena.matrix(rows: 1, columns: width), epsilon: epsilon, offset: offset)
    }
}

/// Root-mean-square normalisation of every row.
///
/// ```
/// y[t, :] = (weight + offset) ⊙ x[t, :] · inverse[t],   inverse[t] = 1 / sqrt(mean(x[t, :]²) + ε)
/// ```
/// - Parameters:
///   - x: shape [T, C]. `weight`: shape [1, C]. `y`: shape [T, C], overwritten.
///   - inverse: shape [T, 1], kept for the backward pass.
/// - Complexity: O(T·C).
/// - Numerical note: squares are summed in 16 lanes; relative error ≤ (C/16 + 16)·2⁻²⁴.
/// - SeeAlso: Zhang & Sennrich 2019, arXiv:1910.07467, Eq. 4.
func rmsNormForward(
    _ x: Matrix, weight: Matrix, offset: Float = 0, epsilon: Float, inverse: Matrix, into y: Matrix
) {
    Threads.forEachRange(of: x.rows) { range in
        for row in range {
            let values = x[row]
            let scale = inverseRoot(dot(values, values) / Float(x.columns) + epsilon)
            inverse[row, 0] = scale
            normalise(values, weight[0], offset, by: scale, into: y, row)
        }
    }
}

/// The rows of y again from x and the kept inverses, so that y need not be stored.
func rmsNormAgain(
    _ x: Matrix, weight: Matrix, offset: Float = 0, inverse: Matrix, into y: Matrix
) {
    Threads.forEachRange(of: x.rows) { range in
        for row in range {
            normalise(x[row], weight[0], offset, by: inverse[row, 0], into: y, row)
        }
    }
}

private func normalise(
    _ x: Span<Float>, _ weight: Span<Float>, _ offset: Float, by scale: Float, into y: Matrix,
    _ row: Int
) {
    var target = y.mutable(row)
    sweep(x.count) {
        target.setLanes(x.lanes(at: $0) * scale * (weight.lanes(at: $0) + offset), at: $0)
    } tail: {
        target.setLanesTail(
            x.lanesTail(at: $0) * scale * (weight.lanesTail(at: $0) + offset), at: $0)
    }
}

/// Adds the gradient of `rmsNormForward` with respect to x.
///
/// ```
/// dx += inverse · (w ⊙ dy) − x · inverse³ / C · Σ(w ⊙ dy ⊙ x),   w = weight + offset
/// ```
/// - Parameters: `dY`: shape [T, C]. `dX`: shape [T, C], added to.
func rmsNormBackward(
    _ x: Matrix, weight: Matrix, offset: Float = 0, inverse: Matrix, dY: Matrix,
    addingTo dX: Matrix
) {
    Threads.forEachRange(of: x.rows) { range in
        let w = weight[0]
        for row in range {
            let values = x[row]
            let dy = dY[row]
            let scale = inverse[row, 0]
            var sums = Lanes.zero
            sweep(values.count) {
                sums.addProduct((w.lanes(at: $0) + offset) * dy.lanes(at: $0), values.lanes(at: $0))
            } tail: {
                sums.addProduct(
                    (w.lanesTail(at: $0) + offset) * dy.lanesTail(at: $0), values.lanesTail(at: $0))
            }
            let along = sums.sum() * scale * scale * scale / Float(x.columns)
            var dx = dX.mutable(row)
            sweep(values.count) {
                let change =
                    (w.lanes(at: $0) + offset) * dy.lanes(at: $0) * scale - values.lanes(at: $0)
                    * along
                dx.setLanes(dx.lanes(at: $0) + change, at: $0)
            } tail: {
                let change =
                    (w.lanesTail(at: $0) + offset) * dy.lanesTail(at: $0) * scale
                    - values.lanesTail(at: $0) * along
                dx.setLanesTail(dx.lanesTail(at: $0) + change, at: $0)
            }
        }
    }
}
