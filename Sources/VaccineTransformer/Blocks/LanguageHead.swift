internal import VaccineNumerics

/// The final norm and the vocabulary projection, through a narrower space where the embedding is narrower.
///
/// ```
/// logits = cap(norm(x) · weightᵀ)   or   cap(norm(x) · projectionᵀ · weightᵀ)
/// ```
/// Most models have no cap. Of many rows, logits exist for at most `rowsAtOnce` at a time.
struct LanguageHead {
    let norm: any Norm
    /// Shape [E, C]; nil: E is C.
    let projection: Weight?
    /// Shape [V, E], the embedding if they are tied.
    let weight: Weight
    /// Of the logits; nil: none.
    let cap: SoftCap?

    static let rowsAtOnce = 256
    /// Rows whose capped logits are kept beside their gradients.
    static let rowsCapped = 32

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
            normalise(x.rows(rows), pass)
            let logits = output?.rows(rows) ?? scratch.logits.rows(0..<rows.count)
            projectNormalised(pass, into: logits)
            try body(rows, logits)
        }
    }

    /// The logits of the rows that `normalise` was last called with.
    private func projectNormalised(_ pass: Pass, into logits: Matrix) {
        let (scratch, size) = (pass.scratch, 0..<logits.rows)
        var final = scratch.normed.rows(size)
        if let projection, let narrow = scratch.narrow?.rows(size) {
            multiply(final, transposing: projection, into: narrow)
            final = narrow
        }
        multiply(final, transposing: weight, into: logits)
        cap?.apply(to: logits)
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
            var dScores = dLogits.rows(rows)
            if let cap {
                let capped = pass.scratch.logits.rows(0..<rows.count)
                projectNormalised(pass, into: capped)
                cap.backward(capped, dY: dScores, into: capped)
                dScores = capped
            }
            backwardOfNormalised(x.rows(rows), dLogits: dScores, pass, addingTo: dX.rows(rows))
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
    ///   - gradient: receives weight · ∂loss/∂x, shape [S, C].
    /// - Returns: the loss, summed in double precision; 0 without any row.
    /// - Complexity: 2·S·V·C operations for the loss and as many for the gradient.
    func loss(
        _ x: Matrix, targets: [Int32], weight: Float = 1, terms: LossTerms? = nil, _ pass: Pass,
        gradient: Matrix
    ) throws(VaccineError) -> Double {
        gradient.fill(0)
        var total = 0.0
        let count = x.rows
        let scale = weight / Float(count)
        try forward(x, pass) { (rows, logits) throws(VaccineError) in
            let losses = pass.scratch.losses.rows(rows)
            rowLosses(logits, targets, terms, rows, scale, pass)
            for row in 0..<rows.count { total += Double(losses[row, 0]) }
            backwardOfNormalised(
                x.rows(rows), dLogits: logits, pass, addingTo: gradient.rows(rows))
        }
        return count == 0 ? 0 : total / Double(count)
    }

    /// The rows' own losses, and their gradients in place of the logits.
    private func rowLosses(
        _ logits: Matrix, _ targets: [Int32], _ terms: LossTerms?, _ rows: Range<Int>,
        _ scale: Float, _ pass: Pass
    ) {
        func losses(_ logits: Matrix, _ rows: Range<Int>) {
            let losses = pass.scratch.losses.rows(rows)
            if let terms {
                weightedLoss(
                    logits, targets: targets[rows], terms: terms, rows: rows, gradientScale: scale,
                    losses: losses)
            } else {
                crossEntropy(logits, targets: targets[rows], gradientScale: scale, losses: losses)
            }
        }
        guard let cap, let memory = pass.scratch.capped else {
            return losses(logits, rows)
        }
        for part in Blocks(of: rows.count, size: LanguageHead.rowsCapped) {
            let (logits, capped) = (logits.rows(part), memory.rows(0..<part.count))
            capped.copy(from: logits)
            losses(logits, rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound)
            cap.backward(capped, dY: logits, into: logits)
        }
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
