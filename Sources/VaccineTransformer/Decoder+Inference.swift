package import VaccineNumerics

extension Decoder {
    /// Logits of one sequence, dropout off.
    ///
    /// - Parameter logits: shape [T, V], overwritten.
    /// - Throws: `VaccineError.value` when one is not finite.
    package func logits(
        _ inputIDs: [Int32], interruption: Interruption, into logits: Matrix
    ) throws(VaccineError) {
        let batch = try PackedBatch(
            inputIDs: inputIDs, labels: nil, offsets: [0, inputIDs.count],
            configuration: configuration)
        let pass = try pass(batch, training: false, interruption: interruption)
        try head.forward(forward(pass), pass, into: logits) { _, _ in }
        if let place = logits.firstNonFinite() {
            throw try nonFinite(pass, "the logits of token \(place.row) are not finite")
        }
    }

    /// Log-probabilities of every token at the supervised rows, dropout off.
    ///
    /// - Parameter output: shape [S, V], overwritten.
    /// - Throws: `VaccineError.value` when one is not finite.
    package func logProbabilities(
        _ batch: PackedBatch, interruption: Interruption, into output: Matrix
    ) throws(VaccineError) {
        let pass = try self.pass(
            batch, finalRows: batch.supervisedRows, training: false, interruption: interruption)
        try head.forward(forward(pass), pass, into: output) { _, _ in }
        Threads.forEachRange(of: output.rows) { range in
            for row in range {
                var z = output.mutable(row)
                let maximum = largest(z.span, among: z.count)
                var sum = 0.0
                for index in z.indices { sum += exponential(Double(z[index] - maximum)) }
                let shift = maximum + logarithm(Float(sum))
                for index in z.indices { z[index] -= shift }
            }
        }
        if let place = output.firstNonFinite() {
            throw try nonFinite(
                pass, "the logits of supervised token \(place.row) are not finite")
        }
    }

    /// Mean cross-entropy of a batch, dropout off; no gradient.
    ///
    /// What sequences have in common is computed once.
    /// - Parameter losses: shape [S, 1], overwritten with the cross-entropy of each supervised row,
    ///   in the batch's order; nil: only the mean is wanted.
    /// - Throws: `VaccineError.value` when the mean is not finite.
    package func loss(
        _ batch: PackedBatch, interruption: Interruption, losses: Matrix? = nil
    ) throws(VaccineError) -> Double {
        let shared = sharing(batch)
        let chosen = ChosenRows(
            batch.supervisedRows.lazy.map { shared.rows[$0] }, of: shared.batch.tokenCount)
        let pass = try self.pass(
            shared.batch, finalRows: chosen.rows, training: false, interruption: interruption)
        var found = [Double](repeating: 0, count: batch.supervisedRows.count)
        try head.forward(forward(pass), pass) { (rows, logits) throws(VaccineError) in
            let questions = chosen.questions(at: rows)
            let values = Threads.map(questions.count) {
                let (question, row) = questions[$0]
                return Double(
                    crossEntropy(logits[row], target: Int(batch.targets[question])))
            }
            for ((question, _), value) in zip(questions, values) { found[question] = value }
        }
        let loss = found.reduce(0, +) / Double(max(found.count, 1))
        guard loss.isFinite else { throw try nonFinite(pass, "the loss is not finite") }
        if let losses {
            for (row, value) in found.enumerated() { losses[row, 0] = Float(value) }
        }
        return loss
    }

    /// Runs a pass again, whose result is not finite, and names the first state that is not.
    ///
    /// - Parameter what: the result, in words.
    func nonFinite(_ pass: Pass, _ what: String) throws(VaccineError) -> VaccineError {
        var first: String?
        _ = try forward(pass) { state, layer, values in
            if first == nil, values.firstNonFinite() != nil {
                first = "the \(state.name) of layer \(layer)"
            }
        }
        return .value(
            "\(what); the first state that is not: \(first ?? "the logits themselves")")
    }
}
