internal import VaccineNumerics

/// The final norm and the vocabulary projection, through a narrower space where the embedding is narrower.
///
/// ```
/// logits = norm(x) · weightᵀ   or   norm(x) · projectionᵀ · weightᵀ
/// ```
/// Of many rows, logits exist for at most `rowsAtOnce` at a time.
struct LanguageHead {
    let norm: any Norm
    /// Shape [E, C]; nil: E is C.
    let projection: Weight?
    /// Shape [V, E], the embedding if they are tied.
    let weight: Weight

    static let rowsAtOnce = 256

    /// - Parameters:
    ///   - x: rows of the residual stream leaving the last layer, [S, C].
    ///   - output: shape [S, V], overwritten; nil: scratch memory that `body` has to itself.
    ///   - body: called with the range of each block of rows and their logits.
    func forward(
        _ x: Matrix, _ pass: Pass, into output: Matrix? = nil,
        _ body: (_ rows: Range<Int>, _ logits: Matrix) throws(VaccineError) -> Void
    ) throws(VaccineError) {
        let scratch = pass.scratch
        for rows in Blocks(of: x.rows, size: LanguageHead.rowsAtOnce) {
            try pass.interruption.check()
            let size = 0..<rows.count
            normalise(x.rows(rows), pass)
            let logits = output?.rows(rows) ?? scratch.logits.rows(size)
            var final = scratch.normed.rows(size)
            if let projection, let narrow = scratch.narrow?.rows(size) {
                multiply(final, transposing: projection, into: narrow)
                final = narrow
            }
            multiply(final, transposing: weight, into: logits)
            try body(rows, logits)
        }
    }

    /// ∂/∂x of rows from the gradient at their logits.
    ///
    /// - Parameters: `dLogits`: shape [S, V]. `dX`: shape [S, C], overwritten.
    func backward(
        _ x: Matrix, dLogits: Matrix, _ pass: Pass, into dX: Matrix
    ) throws(VaccineError) {
        dX.fill(0)
        for rows in Blocks(of: x.rows, size: LanguageHead.rowsAtOnce) {
            try pass.interruption.check()
            normalise(x.rows(rows), pass)
            backwardOfNormalised(
                x.rows(rows), dLogits: dLogits.rows(rows), pass, addingTo: dX.rows(rows))
        }
    }

    /// Mean cross-entropy over rows.
    ///
    /// ```
    /// loss = 1/S Σ_s CE(logits[s], target[s])
    /// ```
    /// - Parameters:
    ///   - targets: S token ids.
    ///   - terms: what the loss has beside; nil: nothing.
    ///   - gradient: receives weight · ∂loss/∂x, shape [S, C]; nil: only the loss is wanted.
    /// - Returns: the loss, summed in double precision; 0 without any row. The rows' own losses stay in
    ///   `scratch.losses`.
    /// - Complexity: 2·S·V·C operations for the loss and as many for the gradient.
    func loss(
        _ x: Matrix, targets: [Int32], weight: Float = 1, terms: LossTerms? = nil, _ pass: Pass,
        gradient: Matrix?
    ) throws(VaccineError) -> Double {
        gradient?.fill(0)
        var total = 0.0
        let count = x.rows
        let scale = gradient == nil ? nil : weight / Float(count)
        try forward(x, pass) { (rows, logits) throws(VaccineError) in
            let losses = pass.scratch.losses.rows(rows)
            if let terms {
                weightedLoss(
                    logits, targets: targets[rows], terms: terms, rows: rows, gradientScale: scale,
                    losses: losses)
            } else {
                crossEntropy(logits, targets: targets[rows], gradientScale: scale, losses: losses)
            }
            for row in 0..<rows.count { total += Double(losses[row, 0]) }
            guard let gradient else { return }
            backwardOfNormalised(
                x.rows(rows), dLogits: logits, pass, addingTo: gradient.rows(rows))
        }
        return count == 0 ? 0 : total / Double(count)
    }

    private func normalise(_ x: Matrix, _ pass: Pass) {
        norm.forward(
            x, statistics: pass.scratch.finalStatistics,
            into: pass.scratch.normed.rows(0..<x.rows))
    }

    /// - Precondition: `normalise` was last called with the same rows.
    private func backwardOfNormalised(
        _ x: Matrix, dLogits: Matrix, _ pass: Pass, addingTo dX: Matrix
    ) {
        let dNormed = pass.scratch.normed.rows(0..<x.rows)
        if let projection, let narrow = pass.scratch.narrow?.rows(0..<x.rows) {
            multiply(dLogits, by: weight, into: narrow)
            multiply(narrow, by: projection, into: dNormed)
        } else {
            multiply(dLogits, by: weight, into: dNormed)
        }
        norm.backward(x, statistics: pass.scratch.finalStatistics, dY: dNormed, addingTo: dX)
    }
}
