package import VaccineNumerics

/// A forward pass with everything kept for going backward.
package struct ForwardResult {
    let pass: Pass
    let final: Matrix  // [S, C], the supervised rows
}

/// What a backward pass starts from, at the logits of the supervised rows.
package enum GradientSource {
    /// weight · the mean cross-entropy, or what the terms make of it.
    case loss(weight: Float, terms: LossTerms? = nil)
    /// A caller's gradient, [S, V].
    case logits(Matrix)
    /// Hidden states alone.
    case nothing
}

extension Decoder {
    /// Runs the batch and keeps the activations.
    ///
    /// - Parameters:
    ///   - masks: the dropout masks of this pass; nil: dropout off.
    ///   - everyRow: whether the last layer computes all rows, for gradients of a caller's own, and not only the
    ///     supervised ones.
    ///   - visit: may read and change every state.
    package func forwardForTraining(
        _ batch: PackedBatch, masks: RandomStream?, everyRow: Bool = false,
        interruption: Interruption, visit: Visitor
    ) throws(VaccineError) -> ForwardResult {
        let pass = try self.pass(
            batch, finalRows: everyRow ? nil : batch.supervisedRows, masks: masks, training: true,
            interruption: interruption)
        let final = try forward(pass, visit: visit)
        if everyRow { final.gather(batch.supervisedRows) }
        return ForwardResult(pass: pass, final: final.rows(0..<batch.supervisedRows.count))
    }

    /// Runs the batch with a perturbation [L, T, C] added to the attention outputs; nil: none.
    package func forwardForTraining(
        _ batch: PackedBatch, masks: RandomStream?, perturbation: LayerStates?,
        interruption: Interruption
    ) throws(VaccineError) -> ForwardResult {
        let supervised = batch.supervisedRows
        let last = layers.count - 1
        return try forwardForTraining(batch, masks: masks, interruption: interruption) {
            guard $0 == .attention, let perturbation else { return }
            $2.add(perturbation[$1], rows: $1 == last ? supervised : nil)
        }
    }

    /// Loss and its gradient at every attention output; nothing else is computed.
    ///
    /// - Parameter gradients: [L, T, C], overwritten with g_l = ∂loss/∂e_l.
    package func attentionGradients(
        _ result: ForwardResult, into gradients: LayerStates, terms: LossTerms? = nil
    ) throws(VaccineError) -> Double {
        try backward(result, from: .loss(weight: 1, terms: terms), weights: false) {
            state, index, g in
            guard state == .attention else { return }
            let kept = gradients[index]
            Threads.forEachRange(of: g.rows) { kept.rows($0).copy(from: g.rows($0)) }
            if let rows = result.pass.rows(of: index) { gradients[index].scatter(rows) }
        }
    }

    /// Loss, with weight · ∂loss/∂adapter added to the adapter's gradients.
    package func adapterGradients(
        _ result: ForwardResult, weight: Float, terms: LossTerms? = nil
    ) throws(VaccineError) -> Double {
        try backward(result, from: .loss(weight: weight, terms: terms), weights: true) {
            _, _, _ in
        }
    }

    /// The logits of the supervised rows, [S, V].
    package func logits(
        _ result: ForwardResult, into logits: Matrix
    ) throws(VaccineError) {
        try head.forward(result.final, result.pass, into: logits) { _, _ in }
    }

    /// Goes back from the logits, and from hidden states.
    ///
    /// - Parameters:
    ///   - source: where the gradient at the supervised rows' logits comes from.
    ///   - extra: further gradients, with respect to hidden states. Those of the last layer reach all rows only
    ///     after a forward pass with `everyRow`.
    ///   - weights: whether the adapter's gradients are added. Without them the pass ends at the first
    ///     layer's attention output.
    ///   - visit: called with the gradient at every state.
    /// - Returns: the loss; 0 where it was not asked for.
    package func backward(
        _ result: ForwardResult, from source: GradientSource, extra: StateGradients? = nil,
        weights: Bool, visit: Visitor
    ) throws(VaccineError) -> Double {
        let pass = result.pass
        guard let scratch = pass.workspace.backward else {
            preconditionFailure("a training workspace has room for gradients")
        }
        let dStream = scratch.dStream.rows(0..<pass.tokens)
        let loss = try lossAndGradient(
            result, source, into: dStream.rows(0..<result.final.rows))
        if pass.finalRows == nil { dStream.scatter(pass.batch.supervisedRows) }
        for (index, layer) in layers.enumerated().reversed() {
            try pass.interruption.check()
            let kept = pass.workspace.layer(index)
            let dWanted = dStream.rows(0..<pass.rowCount(of: index))
            try layer.backwardToAttentionOutput(
                pass, kept, scratch, weights: weights, extra: extra, visit: visit,
                dStream: dWanted)
            let dOutput = layer.attentionGradient(
                pass, kept, scratch, extra: extra, visit: visit, dStream: dWanted)
            if index == 0 && !weights { break }
            try layer.backwardFromAttentionOutput(
                pass, kept, scratch, weights: weights, wantsInput: index > 0, dOutput: dOutput,
                dStream: dStream)
        }
        return loss
    }

    private func lossAndGradient(
        _ result: ForwardResult, _ source: GradientSource, into gradient: Matrix
    ) throws(VaccineError) -> Double {
        let pass = result.pass
        switch source {
        case .nothing:
            gradient.fill(0)
            return 0
        case .logits(let dLogits):
            try head.backward(result.final, dLogits: dLogits, pass, into: gradient)
            return 0
        case .loss(let weight, let terms):
            let loss = try head.loss(
                result.final, targets: pass.batch.targets, weight: weight, terms: terms, pass,
                gradient: gradient)
            guard loss.isFinite else {
                throw nonFinite(pass, result.final, "the loss is \(loss)")
            }
            return loss
        }
    }

    /// Names the first layer whose activations are not finite.
    private func nonFinite(_ pass: Pass, _ final: Matrix, _ what: String) -> VaccineError {
        func token(_ row: Int, among rows: [Int]? = nil) -> Int {
            pass.batch.givenIndices[rows?[row] ?? row]
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
                    + "\(token(place.row, among: pass.batch.supervisedRows))")
        }
        return .value("\(what): the logits are not finite")
    }
}
