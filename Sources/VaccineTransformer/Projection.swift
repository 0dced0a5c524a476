package import VaccineNumerics

/// One or several frozen linear maps of the same input, computed as one product.
///
/// ```
/// y = x · Wᵀ + bias (+ the adapter of each part)
/// ```
/// q, k and v are the parts of one projection, gate and up of another: their weights lie row above row
/// in one matrix, and each part owns a range of the output's columns.
package struct Projection {
    package struct Part {
        /// The checkpoint's name, for example q_proj.
        package let name: String
        /// The part's columns of the output, and rows of the weight.
        package let range: Range<Int>
        /// Numbers the part within the model; its dropout masks follow from it.
        let index: Int
        package var adapter: LowRankAdapter?
    }

    /// Shape [out, in].
    package let weight: Weight
    /// Shape [1, out].
    package let bias: Matrix?
    package var parts: [Part]

    /// What the backward pass needs of the forward pass: u of every part, each [T, r].
    struct Cache {
        let u: [Matrix]
    }

    func forward(
        _ x: Matrix, cache: Cache, masks: RandomStream?, scratch: Scratch,
        interruption: Interruption, into y: Matrix
    ) throws(VaccineError) {
        try multiply(x, transposing: weight, into: y, interruption: interruption)
        finish(x, cache: cache, masks: masks, scratch: scratch, y)
    }

    /// As `forward`, for few rows, each independent of the others; dropout off.
    func forwardRows(_ x: Matrix, cache: Cache, scratch: Scratch, into y: Matrix) {
        multiplyRows(x, weight, into: y)
        finish(x, cache: cache, masks: nil, scratch: scratch, y)
    }

    private func finish(
        _ x: Matrix, cache: Cache, masks: RandomStream?, scratch: Scratch, _ y: Matrix
    ) {
        if let bias { y.addToEveryRow(bias) }
        for (part, u) in zip(parts, cache.u) {
            part.adapter?.forward(
                x, stream: masks?.substream(part.index), u: u.rows(0..<x.rows),
                dropped: scratch.dropped.rows(0..<x.rows), addingTo: y.columns(part.range))
        }
    }

    /// - Parameters:
    ///   - x: the input again; needed when `weights` is true.
    ///   - dX: overwritten with ∂/∂x; nil: not wanted.
    ///   - weights: whether the adapters' gradients are added.
    func backward(
        _ x: Matrix?, dY: Matrix, cache: Cache, masks: RandomStream?, scratch: Scratch,
        weights: Bool, interruption: Interruption, into dX: Matrix?
    ) throws(VaccineError) {
        if let dX { try multiply(dY, by: weight, into: dX, interruption: interruption) }
        for (part, u) in zip(parts, cache.u) {
            part.adapter?.backward(
                x, dY: dY.columns(part.range), stream: masks?.substream(part.index),
                u: u.rows(0..<dY.rows), dU: scratch.dU(rank: u.columns, rows: dY.rows),
                dropped: scratch.dropped.rows(0..<dY.rows), weights: weights, addingTo: dX)
        }
    }
}

extension Matrix {
    /// self[t, :] += bias[0, :].
    fileprivate func addToEveryRow(_ bias: Matrix) {
        Threads.forEachRange(of: rows) { range in
            let values = bias[0]
            for row in range {
                var target = mutable(row)
                for index in values.indices { target[index] += values[index] }
            }
        }
    }
}
