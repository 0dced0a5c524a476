package import VaccineNumerics

/// The low-rank update of one linear map, each product on the calling thread.
///
/// ```
/// y += scale · B · A · x
/// ```
/// Both factors are held rank-major: `down` is A [r, in], `up` is Bᵀ [r, out].
/// - SeeAlso: Hu et al. 2021, arXiv:2106.09685, §4.1.
package struct LowRankUpdate: Sendable {
    package let down: Matrix
    package let up: Matrix
    /// α / r, or α / √r of a rank-stabilised adapter.
    package let scale: Float

    package var rank: Int { down.rows }

    /// y += scale · u · up, with u = x · downᵀ.
    ///
    /// - Parameters: `x`: shape [T, in]. `y`: shape [T, out], added to. `u`: shape [T, r], overwritten.
    func forward(_ x: Matrix, u: Matrix, addingTo y: Matrix) {
        project(x, onto: down, scale: 1, into: u)
        expand(u, over: up, scale: scale, addingTo: y)
    }

    /// The gradient of `forward` with respect to x.
    ///
    /// - Parameters:
    ///   - dY: shape [T, out]. `dU`: shape [T, r], overwritten.
    ///   - mask: of x; nil: none.
    ///   - dX: shape [T, in], added to; nil: not wanted.
    func backward(
        dY: Matrix, through mask: Dropout? = nil, firstRow: Int = 0, dU: Matrix,
        addingTo dX: Matrix?
    ) {
        project(dY, onto: up, scale: scale, into: dU)
        if let dX { expand(dU, over: down, through: mask, firstRow: firstRow, addingTo: dX) }
    }

    /// The rows of `range` of W, in `sum`, become those of W + scale · B · A.
    func merge(rows range: Range<Int>, into sum: Matrix) {
        multiply(
            up.columns(range), .transposed, down, .normal, into: sum, alpha: scale, beta: 1)
    }
}

/// A low-rank update that is trained, with dropout on its input.
package struct LowRankAdapter: Sendable {
    package let update: LowRankUpdate
    package let downGradient: Matrix
    package let upGradient: Matrix
    package let dropout: Double

    package var down: Matrix { update.down }
    package var up: Matrix { update.up }
    package var rank: Int { update.rank }

    /// y[:, …] += scale · u · up, with u = dropout(x) · downᵀ kept for the backward pass; on the calling
    /// thread.
    ///
    /// - Parameters:
    ///   - x: shape [T, in]. `y`: shape [T, out], added to. `u`: shape [T, r], overwritten.
    ///   - masks: where the mask comes from; nil: no dropout.
    ///   - firstRow: the mask's row that belongs to row 0.
    ///   - dropped: scratch, shape [≥ T, ≥ in].
    func forward(
        _ x: Matrix, masks: DropoutMasks?, firstRow: Int, u: Matrix, dropped: Matrix,
        addingTo y: Matrix
    ) {
        var input = x
        if let mask = mask(masks) {
            input = dropped.columns(0..<x.columns).rows(0..<x.rows)
            mask.apply(to: x, firstRow: firstRow, into: input)
        }
        update.forward(input, u: u, addingTo: y)
    }

    /// The gradient of `forward` with respect to x, on the calling thread.
    ///
    /// - Parameters:
    ///   - dY: shape [T, out]. `dU`: shape [T, r], overwritten.
    ///   - dX: shape [T, in], added to; nil: not wanted.
    func backward(
        dY: Matrix, masks: DropoutMasks?, firstRow: Int, dU: Matrix, addingTo dX: Matrix?
    ) {
        update.backward(
            dY: dY, through: mask(masks), firstRow: firstRow, dU: dU, addingTo: dX)
    }

    /// Adds the gradient of `up` in the columns of `columns`, on the calling thread.
    func accumulateUp(u: Matrix, dY: Matrix, columns: Range<Int>) {
        accumulateOuter(
            u, dY.columns(columns), scale: update.scale, into: upGradient.columns(columns))
    }

    /// Adds the gradient of `down` in the columns of `columns`, which start at a multiple of 32; on the
    /// calling thread.
    func accumulateDown(dU: Matrix, x: Matrix, masks: DropoutMasks?, columns: Range<Int>) {
        accumulateOuter(
            dU, x.columns(columns), through: mask(masks), firstColumn: columns.lowerBound,
            into: downGradient.columns(columns))
    }

    private func mask(_ masks: DropoutMasks?) -> Dropout? {
        guard let masks, dropout > 0 else { return nil }
        return Dropout(probability: dropout, stream: masks.stream, origin: masks.firstRow)
    }
}
