package import VaccineNumerics

/// A forward pass with everything kept for going backward.
package struct ForwardResult {
    let pass: Pass
    let final: Matrix  // [S, C]
}

extension Decoder {
    /// Runs the batch and keeps the activations.
    ///
    /// - Parameters:
    ///   - masks: the dropout masks of this pass; nil: dropout off.
    ///   - perturbation: [L, T, C], added to the attention outputs; nil: none.
    package func forwardForTraining(
        _ batch: PackedBatch, masks: RandomStream?, perturbation: LayerStates?,
        interruption: Interruption
    ) throws(VaccineError) -> ForwardResult {
        let pass = try self.pass(
            batch, finalRows: batch.supervisedRows, masks: masks, training: true,
            interruption: interruption)
        let final = try forward(pass) { index, output in
            if let perturbation { output.add(perturbation[index], rows: pass.rows(of: index)) }
        }
        return ForwardResult(pass: pass, final: final)
    }

    /// Loss and its gradient at every attention output; nothing else is computed.
    ///
    /// - Parameter gradients: [L, T, C], overwritten with g_l = ∂loss/∂e_l.
    package func attentionGradients(
        _ result: ForwardResult, into gradients: LayerStates
    ) throws(VaccineError) -> Double {
        try backward(result, weight: 1, weights: false) { index, g in
            gradients[index].rows(0..<g.rows).copy(from: g)
            if let rows = result.pass.rows(of: index) { gradients[index].scatter(rows) }
        }
    }

    /// Loss, with weight · ∂loss/∂adapter added to the adapter's gradients.
    package func adapterGradients(
        _ result: ForwardResult, weight: Float
    ) throws(VaccineError) -> Double {
        try backward(result, weight: weight, weights: true) { _, _ in }
    }

    /// - Parameters:
    ///   - weights: whether the adapter's gradients are added. Without them the pass ends at the first
    ///     layer's attention output.
    ///   - atAttentionOutput: called with each layer's index and ∂loss/∂e_l, [T, C], the last layer's with the
    ///     supervised rows only.
    private func backward(
        _ result: ForwardResult, weight: Float, weights: Bool,
        atAttentionOutput: (Int, Matrix) -> Void
    ) throws(VaccineError) -> Double {
        let pass = result.pass
        guard let scratch = pass.workspace.backward else {
            preconditionFailure("a training workspace has room for gradients")
        }
        let dStream = scratch.dStream.rows(0..<pass.tokens)
        let loss = try loss(
            pass, result.final, weight: weight, gradient: dStream.rows(0..<result.final.rows))
        guard loss.isFinite else { throw nonFinite(pass, result.final, "the loss is \(loss)") }
        for index in layers.indices.reversed() {
            try pass.interruption.check()
            let (kept, chosen) = (pass.workspace.layer(index), pass.rows(of: index))
            let dOutput = dStream.rows(0..<pass.rowCount(of: index))
            try layers[index].backwardToAttentionOutput(
                pass, kept, scratch, weights: weights, dStream: dOutput)
            atAttentionOutput(index, dOutput)
            if index == 0 && !weights { break }
            try layers[index].backwardFromAttentionOutput(
                pass, kept, scratch, chosen: chosen, weights: weights, wantsInput: index > 0,
                dStream: dStream)
        }
        return loss
    }

    /// Names the first layer whose activations are not finite.
    private func nonFinite(_ pass: Pass, _ final: Matrix, _ what: String) -> VaccineError {
        func token(_ row: Int, among rows: [Int]? = nil) -> Int {
            pass.batch.places[rows?[row] ?? row]
        }
        for index in layers.indices {
            let kept = pass.workspace.layer(index)
            if let place = kept.input.rows(0..<pass.tokens).firstNonFinite() {
                return .value(
                    "\(what): the input of layer \(index) is not finite at token "
                        + "\(token(place.row))")
            }
            if let place = kept.middle.rows(0..<pass.rowCount(of: index)).firstNonFinite() {
                return .value(
                    "\(what): the attention output of layer \(index) is not finite at token "
                        + "\(token(place.row, among: pass.rows(of: index)))")
            }
        }
        if let place = final.firstNonFinite() {
            return .value(
                "\(what): the output of the last layer is not finite at token "
                    + "\(token(place.row, among: pass.finalRows))")
        }
        return .value("\(what): the logits are not finite")
    }
}
