internal import VaccineNumerics

/// One block of the decoder: attention and feed-forward, each behind a norm and a residual add.
///
/// ```
/// middle = x + attention(norm(x)) (+ ε)
/// y      = middle + down(swiGLU(gateUp(norm(middle))))
/// ```
package struct DecoderLayer {
    let attentionNorm: Matrix  // [1, C]
    package var queryKeyValue: Projection
    package var output: Projection
    let feedForwardNorm: Matrix  // [1, C]
    package var gateUp: Projection
    package var down: Projection

    static let projectionsPerLayer = 7

    init(_ configuration: ModelConfiguration, index: Int, in arena: Arena) {
        let hidden = configuration.hiddenSize
        let (queries, keys) = (configuration.queryWidth, configuration.keyValueWidth)
        let width = configuration.feedForwardSize
        var next = index * DecoderLayer.projectionsPerLayer
        func projection(_ parts: [(String, Int)], input: Int, bias: Bool) -> Projection {
            var start = 0
            let parts = parts.map { name, count in
                defer {
                    start += count
                    next += 1
                }
                return Projection.Part(
                    name: name, range: start..<start + count, index: next, adapter: nil)
            }
            return Projection(
                weight: arena.weight(
                    rows: start, columns: input, configuration.precision),
                bias: bias ? arena.matrix(rows: 1, columns: start) : nil, parts: parts)
        }
        attentionNorm = arena.matrix(rows: 1, columns: hidden)
        queryKeyValue = projection(
            [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)], input: hidden,
            bias: configuration.queryKeyValueBias)
        output = projection(
            [("o_proj", hidden)], input: queries, bias: configuration.attentionOutputBias)
        feedForwardNorm = arena.matrix(rows: 1, columns: hidden)
        gateUp = projection(
            [("gate_proj", width), ("up_proj", width)], input: hidden,
            bias: configuration.feedForwardBias)
        down = projection(
            [("down_proj", hidden)], input: width, bias: configuration.feedForwardBias)
    }
}

/// What a forward or backward pass through a layer needs besides the layer itself.
struct Pass {
    let configuration: ModelConfiguration
    let attention: Attention
    let rotary: RotaryEmbedding
    let batch: PackedBatch
    let workspace: Workspace
    /// The dropout masks of this pass; nil: dropout off.
    let masks: RandomStream?
    /// Asked several times in every layer.
    let interruption: Interruption

    var tokens: Int { batch.tokenCount }
    var scratch: Scratch { workspace.scratch }

    /// Turns the queries and keys of every row by its position in its sequence.
    func rotate(_ qkv: Matrix, inverse: Bool = false) {
        let heads = configuration.headCount + configuration.keyValueHeadCount
        let (rotary, offsets) = (rotary, batch.offsets)
        Threads.forEach(batch.sequenceCount) { sequence, _ in
            let start = offsets[sequence]
            for row in start..<offsets[sequence + 1] {
                var target = qkv.mutable(row)
                rotary.rotate(&target, heads: heads, position: row - start, inverse: inverse)
            }
        }
    }
}

extension DecoderLayer {
    /// - Parameters:
    ///   - kept: this layer's activations, written. Their `input` holds the residual stream [T, C].
    ///   - perturb: called with the attention output [T, C] before the residual add; may change it.
    ///   - observe: called with the feed-forward output [T, C] before the residual add.
    ///   - y: the residual stream after the layer, shape [T, C], overwritten.
    func forward(
        _ pass: Pass, _ kept: LayerActivations, perturb: (Matrix) -> Void,
        observe: (Matrix) -> Void, into y: Matrix
    ) throws(VaccineError) {
        let rows = 0..<pass.tokens
        let scratch = pass.scratch
        let normed = scratch.normed.rows(rows)
        let (input, middle) = (kept.input.rows(rows), kept.middle.rows(rows))

        rmsNormForward(
            input, weight: attentionNorm, epsilon: pass.configuration.normEpsilon,
            inverse: kept.attentionInverse, into: normed)
        let qkv = kept.qkv.rows(rows)
        try queryKeyValue.forward(
            normed, cache: kept.qkvCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: qkv)
        pass.rotate(qkv)
        try pass.interruption.check()
        let context = kept.context.rows(rows)
        try pass.attention.forward(
            qkv, offsets: pass.batch.offsets, logSums: kept.logSums, scratch: scratch.attention,
            rounded: scratch.rounded?.rows(rows), interruption: pass.interruption, into: context)
        try output.forward(
            context, cache: kept.outputCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: middle)
        perturb(middle)
        middle.add(input)
        try pass.interruption.check()

        rmsNormForward(
            middle, weight: feedForwardNorm, epsilon: pass.configuration.normEpsilon,
            inverse: kept.feedForwardInverse, into: normed)
        let gates = kept.gateUp.rows(rows)
        try gateUp.forward(
            normed, cache: kept.gateUpCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: gates)
        try pass.interruption.check()
        let activated = scratch.activated.rows(rows)
        swiGLUForward(gates, into: activated)
        try down.forward(
            activated, cache: kept.downCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: y)
        observe(y)
        y.add(middle)
    }

    /// The feed-forward half of the backward pass.
    ///
    /// - Parameter dStream: ∂L/∂y on entry, ∂L/∂middle on return, which is also the gradient at the
    ///   attention output; shape [T, C].
    func backwardToAttentionOutput(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch, weights: Bool,
        dStream: Matrix
    ) throws(VaccineError) {
        let rows = 0..<pass.tokens
        let scratch = pass.scratch
        let (gates, middle) = (kept.gateUp.rows(rows), kept.middle.rows(rows))
        let dActivated = backward.dActivated.rows(rows)
        let activated = scratch.activated.rows(rows)
        if weights { swiGLUForward(gates, into: activated) }
        try down.backward(
            activated, dY: dStream, cache: kept.downCache, masks: pass.masks, scratch: scratch,
            weights: weights, interruption: pass.interruption, into: dActivated)
        try pass.interruption.check()
        let dGates = backward.dGateUp.rows(rows)
        swiGLUBackward(gates, dY: dActivated, into: dGates)
        let normed = scratch.normed.rows(rows)
        let dNormed = backward.dNormed.rows(rows)
        if weights {
            rmsNormAgain(
                middle, weight: feedForwardNorm, inverse: kept.feedForwardInverse, into: normed)
        }
        try gateUp.backward(
            normed, dY: dGates, cache: kept.gateUpCache, masks: pass.masks, scratch: scratch,
            weights: weights, interruption: pass.interruption, into: dNormed)
        rmsNormBackward(
            middle, weight: feedForwardNorm, inverse: kept.feedForwardInverse, dY: dNormed,
            addingTo: dStream)
    }

    /// The attention half of the backward pass.
    ///
    /// - Parameters:
    ///   - dStream: ∂L/∂middle on entry, ∂L/∂x on return; shape [T, C].
    ///   - wantsInput: false for the first layer, below which there is nothing to train; then
    ///     `dStream` stays as it is.
    func backwardFromAttentionOutput(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch, weights: Bool,
        wantsInput: Bool, dStream: Matrix
    ) throws(VaccineError) {
        let rows = 0..<pass.tokens
        let scratch = pass.scratch
        let (input, context) = (kept.input.rows(rows), kept.context.rows(rows))
        let dContext = backward.dContext.rows(rows)
        try output.backward(
            context, dY: dStream, cache: kept.outputCache, masks: pass.masks, scratch: scratch,
            weights: weights, interruption: pass.interruption, into: dContext)
        try pass.interruption.check()
        let dQKV = backward.dQKV.rows(rows)
        try pass.attention.backward(
            kept.qkv.rows(rows), context: context, offsets: pass.batch.offsets,
            logSums: kept.logSums, dContext: dContext, scratch: scratch.attention,
            second: backward.attention, rounded: scratch.rounded?.rows(rows),
            roundedGradient: backward.rounded?.rows(rows), interruption: pass.interruption,
            into: dQKV)
        try pass.interruption.check()
        pass.rotate(dQKV, inverse: true)
        let normed = scratch.normed.rows(rows)
        if weights {
            rmsNormAgain(
                input, weight: attentionNorm, inverse: kept.attentionInverse, into: normed)
        }
        let dNormed = wantsInput ? backward.dNormed.rows(rows) : nil
        try queryKeyValue.backward(
            normed, dY: dQKV, cache: kept.qkvCache, masks: pass.masks, scratch: scratch,
            weights: weights, interruption: pass.interruption, into: dNormed)
        if let dNormed {
            rmsNormBackward(
                input, weight: attentionNorm, inverse: kept.attentionInverse, dY: dNormed,
                addingTo: dStream)
        }
    }
}
