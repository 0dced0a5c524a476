internal import VaccineNumerics

extension Decoder {
    /// Mean cross-entropy over the supervised rows, with logits for at most `Scratch.lossChunk`
    /// rows at a time.
    ///
    /// ```
    /// loss = 1/S Σ_s CE(norm(x[s]) · headᵀ, target[s])
    /// ```
    /// - Parameters:
    ///   - x: the supervised rows of the residual stream leaving the last layer, shape [S, C].
    ///   - gradient: receives weight · ∂loss/∂x, shape [S, C]; nil: only the loss is wanted.
    /// - Returns: the loss, summed in double precision; 0 without any supervised row. The rows'
    ///   own losses stay in `scratch.losses`.
    /// - Complexity: 2·S·V·C operations for the loss and as many for the gradient.
    func loss(
        _ pass: Pass, _ x: Matrix, weight: Float = 1, gradient: Matrix?
    ) throws(VaccineError) -> Double {
        let batch = pass.batch
        let scratch = pass.scratch
        gradient?.fill(0)
        var total = 0.0
        let count = batch.supervisedRows.count
        for start in stride(from: 0, to: count, by: Scratch.lossChunk) {
            try pass.interruption.check()
            let chunk = start..<min(start + Scratch.lossChunk, count)
            let size = 0..<chunk.count
            let normed = scratch.normed.rows(size)
            rmsNormForward(
                x.rows(chunk), weight: finalNorm, epsilon: configuration.normEpsilon,
                inverse: scratch.finalInverse, into: normed)
            let logits = scratch.logits.rows(size)
            multiply(normed, transposing: head, into: logits)
            let losses = scratch.losses.rows(chunk)
            crossEntropy(
                logits, targets: batch.targets[chunk],
                gradientScale: gradient == nil ? nil : weight / Float(count), losses: losses)
            for row in size { total += Double(losses[row, 0]) }
            guard let gradient else { continue }
            multiply(logits, by: head, into: normed)
            rmsNormBackward(
                x.rows(chunk), weight: finalNorm, inverse: scratch.finalInverse, dY: normed,
                addingTo: gradient.rows(chunk))
        }
        return count == 0 ? 0 : total / Double(count)
    }
}
