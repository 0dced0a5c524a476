internal import VaccineNumerics

/// One layer of the decoder: attention and feed-forward, each with a norm and a residual add around it.
///
/// ```
/// middle = x + attention(norm(x)),   norm(x + attention(x)),   x + norm(attention(x))   or
///          x + norm(attention(norm(x)))
/// y      = middle + feedForward(norm(middle))   and so on
/// ```
/// Where norms and adds stand is told by `ResidualNorm` and `Residual`, and what the blocks compute in their
/// own files.
package struct DecoderLayer {
    let index: Int
    let residual: Residual
    let attentionNorm: ResidualNorm
    package var attention: AttentionBlock
    let feedForwardNorm: ResidualNorm
    package var feedForward: FeedForwardBlock
}

extension DecoderLayer {
    /// - Parameters:
    ///   - kept: this layer's activations, written. Their `input` holds the residual stream [T, C].
    ///   - visit: called with the attention output and the feed-forward output, each before its residual add,
    ///     and with the stream after the layer.
    ///   - y: the residual stream after the layer, of the rows that the pass wants of it, overwritten.
    func forward(
        _ pass: Pass, _ kept: LayerActivations, visit: Visitor, into y: Matrix
    ) throws(VaccineError) {
        let (all, rows) = (0..<pass.tokens, 0..<y.rows)
        let (input, middle) = (kept.input.rows(all), kept.middle.rows(rows))
        let normed = pass.scratch.normed

        try attention.forward(
            attentionNorm.input(input, kept.attentionNorm, in: normed.rows(all)),
            pass, layer: index, kept.attention, into: middle)
        visit(.attention, index, middle)
        attentionNorm.add(input, rows: pass.rows(of: index), to: middle, kept.attentionNorm)
        try pass.interruption.check()

        try feedForward.forward(
            feedForwardNorm.input(
                feedForwardSource(pass, kept), kept.feedForwardNorm, in: normed.rows(rows)),
            pass, masks: pass.masks(of: index), kept.feedForward, into: y)
        visit(.feedForward, index, y)
        feedForwardNorm.add(middle, to: y, kept.feedForwardNorm)
        visit(.residual, index, y)
    }

    /// What the feed-forward norm takes, [S, C]: the stream after attention, or the layer's input, of the rows
    /// that the pass wants of the layer.
    private func feedForwardSource(_ pass: Pass, _ kept: LayerActivations) -> Matrix {
        let rows = 0..<pass.rowCount(of: index)
        guard residual == .parallel, let place = pass.scratch.chosenInput?.rows(rows) else {
            return kept.middle.rows(rows)
        }
        guard let chosen = pass.rows(of: index) else { return kept.input.rows(rows) }
        place.fill(0)
        place.add(kept.input.rows(0..<pass.tokens), rows: chosen)
        return place
    }

    /// The feed-forward half of the backward pass.
    ///
    /// What a parallel layer's block passes back belongs to the layer's input, not to the attention output, and
    /// is kept in `backward.apart` until `backwardFromAttentionOutput` adds it.
    /// - Parameters:
    ///   - extra: the caller's gradients with respect to states.
    ///   - visit: called with the gradients at the residual stream and at the feed-forward output.
    ///   - dStream: the gradient at `y` on entry, at `middle` on return; shape [S, C], of the rows that
    ///     `forward` computed.
    func backwardToAttentionOutput(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch, weights: Bool,
        extra: StateGradients?, visit: Visitor, dStream: Matrix
    ) throws(VaccineError) {
        let rows = 0..<dStream.rows
        let normed = pass.scratch.normed.rows(rows)
        let source = feedForwardSource(pass, kept)
        let (dNormed, chosen) = (backward.dNormed.rows(rows), pass.rows(of: index))
        if let own = extra?[.residual, index] { dStream.add(own, rows: chosen) }
        visit(.residual, index, dStream)
        let dOutput = feedForwardNorm.backwardToOutput(
            dStream, kept.feedForwardNorm, in: dNormed
        ).plus(extra?[.feedForward, index], rows: chosen, in: dNormed)
        visit(.feedForward, index, dOutput)
        let x =
            weights
            ? feedForwardNorm.inputAgain(source, kept.feedForwardNorm, in: normed) : nil
        try feedForward.backward(
            x, dY: dOutput, pass, masks: pass.masks(of: index), kept.feedForward, backward,
            weights: weights, into: dNormed)
        let apart = backward.apart?.rows(rows)
        apart?.fill(0)
        feedForwardNorm.backwardOfInput(
            source, kept.feedForwardNorm, dInput: dNormed, addingTo: apart ?? dStream)
    }

    /// The gradient at the attention output, from that at `middle`.
    ///
    /// - Parameter dStream: the gradient at `middle` on entry; on return that at x, but for what comes through the block.
    func attentionGradient(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch,
        extra: StateGradients?, visit: Visitor, dStream: Matrix
    ) -> Matrix {
        let rows = 0..<dStream.rows
        let dNormed = backward.dNormed.rows(rows)
        let dOutput = attentionNorm.backwardToOutput(
            dStream, kept.attentionNorm, in: dNormed
        ).plus(extra?[.attention, index], rows: pass.rows(of: index), in: dNormed)
        visit(.attention, index, dOutput)
        return dOutput
    }

    /// The attention half of the backward pass.
    ///
    /// - Parameters:
    ///   - dOutput: what `attentionGradient` gave, [S, C].
    ///   - dStream: as `attentionGradient` left it in its first S rows, at the layer's input on return;
    ///     shape [T, C].
    ///   - wantsInput: false for the first layer, below which there is nothing to train; then
    ///     `dStream` is not completed.
    func backwardFromAttentionOutput(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch, weights: Bool,
        wantsInput: Bool, dOutput: Matrix, dStream: Matrix
    ) throws(VaccineError) {
        let rows = 0..<pass.tokens
        let (input, normed) = (kept.input.rows(rows), pass.scratch.normed.rows(rows))
        let x =
            weights
            ? attentionNorm.inputAgain(input, kept.attentionNorm, in: normed) : nil
        let dNormed = wantsInput ? backward.dNormed.rows(rows) : nil
        try attention.backward(
            x, dY: dOutput, pass, layer: index, kept.attention, backward, weights: weights,
            into: dNormed)
        if let apart = backward.apart {
            let wanted = 0..<dOutput.rows
            dStream.rows(wanted).add(apart.rows(wanted))
        }
        if let chosen = pass.rows(of: index) { dStream.scatter(chosen) }
        if let dNormed {
            attentionNorm.backwardOfInput(
                input, kept.attentionNorm, dInput: dNormed, addingTo: dStream)
        }
    }
}

extension Matrix {
    /// self, or self + the chosen rows of `other` in `memory` if there is one.
    fileprivate func plus(_ other: Matrix?, rows: [Int]?, in memory: Matrix) -> Matrix {
        guard let other else { return self }
        memory.copy(from: self)
        memory.add(other, rows: rows)
        return memory
    }
}
