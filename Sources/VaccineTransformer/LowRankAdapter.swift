package import VaccineNumerics

/// The low-rank update of one linear map.
///
/// ```
/// y += (α / r) · B · A · dropout(x)
/// ```
/// Both factors are held rank-major: `down` is A [r, in], `up` is Bᵀ [r, out].
/// - SeeAlso: Hu et al. 2021, arXiv:2106.09685, §4.1.
package struct LowRankAdapter: Sendable {
    package let down: Matrix
    package let up: Matrix
    package let downGradient: Matrix
    package let upGradient: Matrix
    /// α / r.
    package let scale: Float
    package let dropout: Double

    package var rank: Int { down.rows }

    /// y[:, …] += scale · u · up, with u = dropout(x) · downᵀ kept for the backward pass.
    ///
    /// - Parameters:
    ///   - x: shape [T, in]. `y`: shape [T, out], added to. `u`: shape [T, r], overwritten.
    ///   - stream: the mask's stream; nil: no dropout.
    ///   - dropped: scratch, shape [T, ≥ in].
    func forward(_ x: Matrix, stream: RandomStream?, u: Matrix, dropped: Matrix, addingTo y: Matrix)
    {
        let mask = self.mask(stream)
        Threads.forEachRange(of: x.rows) { range in
            for row in range {
                var projected = u.mutable(row)
                if let mask {
                    let masked = dropped.columns(0..<x.columns)
                    var target = masked.mutable(row)
                    mask.apply(to: x[row], row: row, into: &target)
                    project(masked[row], onto: down, scale: 1, into: &projected)
                } else {
                    project(x[row], onto: down, scale: 1, into: &projected)
                }
                var output = y.mutable(row)
                expand(u[row], over: up, scale: scale, addingTo: &output)
            }
        }
    }

    /// Adds the gradients of `forward`.
    ///
    /// - Parameters:
    ///   - x: the input again, needed with `weights`; shape [T, in].
    ///   - dY: shape [T, out]. `dX`: shape [T, in], added to; nil: not wanted.
    ///   - dU: scratch, shape [T, r]. `dropped`: scratch, shape [T, ≥ in].
    ///   - weights: whether the factors' gradients are wanted.
    func backward(
        _ x: Matrix?, dY: Matrix, stream: RandomStream?, u: Matrix, dU: Matrix, dropped: Matrix,
        weights: Bool, addingTo dX: Matrix?
    ) {
        let mask = self.mask(stream)
        Threads.forEachRange(of: dY.rows) { range in
            for row in range {
                var projected = dU.mutable(row)
                project(dY[row], onto: up, scale: scale, into: &projected)
                if let dX {
                    var output = dX.mutable(row)
                    if let mask {
                        expand(dU[row], over: down, through: mask, row: row, addingTo: &output)
                    } else {
                        expand(dU[row], over: down, scale: 1, addingTo: &output)
                    }
                }
                if weights, let x, let mask {
                    let masked = dropped.columns(0..<x.columns)
                    var target = masked.mutable(row)
                    mask.apply(to: x[row], row: row, into: &target)
                }
            }
        }
        guard weights, let x else { return }
        let input = mask == nil ? x : dropped.columns(0..<x.columns)
        accumulateOuter(u, dY, scale: scale, into: upGradient)
        accumulateOuter(dU, input, scale: 1, into: downGradient)
    }

    private func mask(_ stream: RandomStream?) -> Dropout? {
        guard let stream, dropout > 0 else { return nil }
        return Dropout(probability: dropout, stream: stream)
    }
}
