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
        forEachBand(of: x.rows) { band in
            var input = x.rows(band)
            if let mask {
                let masked = dropped.columns(0..<x.columns).rows(band)
                mask.apply(to: input, firstRow: band.lowerBound, into: masked)
                input = masked
            }
            project(input, onto: down, scale: 1, into: u.rows(band))
            expand(u.rows(band), over: up, scale: scale, addingTo: y.rows(band))
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
        forEachBand(of: dY.rows) { band in
            project(dY.rows(band), onto: up, scale: scale, into: dU.rows(band))
            if let dX {
                expand(
                    dU.rows(band), over: down, through: mask, firstRow: band.lowerBound,
                    addingTo: dX.rows(band))
            }
            if weights, let x, let mask {
                mask.apply(
                    to: x.rows(band), firstRow: band.lowerBound,
                    into: dropped.columns(0..<x.columns).rows(band))
            }
        }
        guard weights, let x else { return }
        let input = mask == nil ? x : dropped.columns(0..<x.columns)
        Threads.forEachRange(of: dY.columns, unit: 64) {
            accumulateOuter(u, dY.columns($0), scale: scale, into: upGradient.columns($0))
        }
        Threads.forEachRange(of: x.columns, unit: 64) {
            accumulateOuter(dU, input.columns($0), scale: 1, into: downGradient.columns($0))
        }
    }

    /// Bands of rows that stay in cache from one product to the next.
    private func forEachBand(of rows: Int, _ body: @Sendable (Range<Int>) -> Void) {
        Threads.forEach((rows + 31) / 32) { band, _ in
            body(32 * band..<min(32 * (band + 1), rows))
        }
    }

    private func mask(_ stream: RandomStream?) -> Dropout? {
        guard let stream, dropout > 0 else { return nil }
        return Dropout(probability: dropout, stream: stream)
    }
}
