package import VaccineNumerics

/// The low-rank update of one linear map.
///
/// ```
/// y += scale · B · A · dropout(x)
/// ```
/// Both factors are held rank-major: `down` is A [r, in], `up` is Bᵀ [r, out].
/// - SeeAlso: Hu et al. 2021, arXiv:2106.09685, §4.1.
package struct LowRankAdapter: Sendable {
    package let down: Matrix
    package let up: Matrix
    package let downGradient: Matrix
    package let upGradient: Matrix
    /// α / r, or α / √r of a rank-stabilised adapter.
    package let scale: Float
    package let dropout: Double

    package var rank: Int { down.rows }

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
        project(input, onto: down, scale: 1, into: u)
        expand(u, over: up, scale: scale, addingTo: y)
    }

    /// The gradient of `forward` with respect to x, on the calling thread.
    ///
    /// - Parameters:
    ///   - dY: shape [T, out]. `dU`: shape [T, r], overwritten.
    ///   - dX: shape [T, in], added to; nil: not wanted.
    func backward(
        dY: Matrix, masks: DropoutMasks?, firstRow: Int, dU: Matrix, addingTo dX: Matrix?
    ) {
        project(dY, onto: up, scale: scale, into: dU)
        if let dX {
            expand(dU, over: down, through: mask(masks), firstRow: firstRow, addingTo: dX)
        }
    }

    /// Adds the gradient of `up` in the columns of `columns`, on the calling thread.
    func accumulateUp(u: Matrix, dY: Matrix, columns: Range<Int>) {
        accumulateOuter(
            u, dY.columns(columns), scale: scale, into: upGradient.columns(columns))
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
