package import VaccineNumerics

extension Decoder {
    /// Logits of one sequence, dropout off.
    ///
    /// - Parameter logits: shape [T, V], overwritten.
    package func logits(
        _ inputIDs: [Int32], interruption: Interruption, into logits: Matrix
    ) throws(VaccineError) {
        let pass = try inferencePass(inputIDs, interruption)
        let x = try forward(pass)
        let normed = pass.scratch.normed.rows(0..<x.rows)
        rmsNormForward(
            x, weight: finalNorm, epsilon: configuration.normEpsilon,
            inverse: pass.scratch.finalInverse, into: normed)
        for start in stride(from: 0, to: x.rows, by: Scratch.lossChunk) {
            try pass.interruption.check()
            let rows = start..<min(start + Scratch.lossChunk, x.rows)
            multiply(normed.rows(rows), transposing: head, into: logits.rows(rows))
        }
    }

    /// The attention outputs of one sequence, dropout off.
    ///
    /// - Parameter outputs: shape [L·T, C], layer after layer, overwritten.
    package func attentionOutputs(
        _ inputIDs: [Int32], interruption: Interruption, into outputs: Matrix
    ) throws(VaccineError) {
        let pass = try inferencePass(inputIDs, interruption)
        let tokens = pass.tokens
        _ = try forward(pass) { index, output in
            outputs.rows(index * tokens..<(index + 1) * tokens).copy(from: output)
        }
    }

    /// Mean cross-entropy of a batch, dropout off; no gradient.
    ///
    /// - Parameter losses: shape [S, 1], overwritten with the cross-entropy of each supervised row,
    ///   in the batch's order; nil: only the mean is wanted.
    /// - Throws: `VaccineError.value` when the mean is not finite.
    package func loss(
        _ batch: PackedBatch, interruption: Interruption, losses: Matrix? = nil
    ) throws(VaccineError) -> Double {
        let pass = try self.pass(
            batch, finalRows: batch.supervisedRows, training: false, interruption: interruption)
        let x = try forward(pass)
        let loss = try loss(pass, x, gradient: nil)
        guard loss.isFinite else { throw .value("the loss is not finite") }
        losses?.copy(from: pass.scratch.losses.rows(0..<batch.supervisedRows.count))
        return loss
    }

    private func inferencePass(
        _ inputIDs: [Int32], _ interruption: Interruption
    ) throws(VaccineError) -> Pass {
        let batch = try PackedBatch(
            inputIDs: inputIDs, labels: nil, offsets: [0, inputIDs.count],
            configuration: configuration)
        return try pass(batch, training: false, interruption: interruption)
    }
}
