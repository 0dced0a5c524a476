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
    /// The rows, rising, that are wanted of the last layer, whose other rows end with their keys and values;
    /// nil: all.
    let finalRows: [Int]?
    let workspace: Workspace
    /// The dropout masks of this pass; nil: dropout off.
    let masks: RandomStream?
    /// Asked several times in every layer.
    let interruption: Interruption

    var tokens: Int { batch.tokenCount }
    var scratch: Scratch { workspace.scratch }

    /// The rows that are wanted of layer `index` from the attention's context on; nil: all.
    func rows(of index: Int) -> [Int]? {
        index + 1 == configuration.layerCount ? finalRows : nil
    }

    func rowCount(of index: Int) -> Int { rows(of: index)?.count ?? tokens }

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
    ///   - chosen: the S rows, rising, for which the layer's output is wanted; nil: all T. From the
    ///     context on, `kept` and all masks have these rows only.
    ///   - perturb: called with the attention output [S, C] before the residual add; may change it.
    ///   - observe: called with the feed-forward output [S, C] before the residual add.
    ///   - y: the residual stream after the layer, shape [S, C], overwritten.
    func forward(
        _ pass: Pass, _ kept: LayerActivations, chosen: [Int]?, perturb: (Matrix) -> Void,
        observe: (Matrix) -> Void, into y: Matrix
    ) throws(VaccineError) {
        let all = 0..<pass.tokens
        let scratch = pass.scratch
        let input = kept.input.rows(all)

        rmsNormForward(
            input, weight: attentionNorm, epsilon: pass.configuration.normEpsilon,
            inverse: kept.attentionInverse, into: scratch.normed.rows(all))
        let qkv = kept.qkv.rows(all)
        try queryKeyValue.forward(
            scratch.normed.rows(all), cache: kept.qkvCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: qkv)
        pass.rotate(qkv)
        try pass.interruption.check()
        try pass.attention.forward(
            qkv, offsets: pass.batch.offsets, logSums: kept.logSums, scratch: scratch.attention,
            rounded: scratch.rounded?.rows(all), interruption: pass.interruption,
            into: kept.context.rows(all))
        if let chosen { kept.context.gather(chosen) }

        let rows = 0..<y.rows
        let (normed, middle) = (scratch.normed.rows(rows), kept.middle.rows(rows))
        try output.forward(
            kept.context.rows(rows), cache: kept.outputCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: middle)
        perturb(middle)
        middle.add(input, rows: chosen)
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
        swiGLUForward(gates, halves: kept.gateUpHalves, into: activated)
        try down.forward(
            activated, cache: kept.downCache, masks: pass.masks, scratch: scratch,
            interruption: pass.interruption, into: y)
        observe(y)
        y.add(middle)
    }

    /// The feed-forward half of the backward pass.
    ///
    /// - Parameter dStream: ∂L/∂y on entry, ∂L/∂middle on return, which is also the gradient at the
    ///   attention output; shape [S, C], of the rows that `forward` was asked for.
    func backwardToAttentionOutput(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch, weights: Bool,
        dStream: Matrix
    ) throws(VaccineError) {
        let rows = 0..<dStream.rows
        let scratch = pass.scratch
        let (gates, middle) = (kept.gateUp.rows(rows), kept.middle.rows(rows))
        let dActivated = backward.dActivated.rows(rows)
        let activated = scratch.activated.rows(rows)
        if weights {
            if let halves = kept.gateUpHalves {
                swiGLUForward(halves, places: scratch.dropped, into: activated)
            } else {
                swiGLUForward(gates, into: activated)
            }
        }
        try down.backward(
            activated, dY: dStream, cache: kept.downCache, masks: pass.masks, scratch: scratch,
            weights: weights, interruption: pass.interruption, into: dActivated)
        try pass.interruption.check()
        swiGLUBackward(gates, halves: kept.gateUpHalves, dY: dActivated)
        let normed = scratch.normed.rows(rows)
        let dNormed = backward.dNormed.rows(rows)
        if weights {
            rmsNormAgain(
                middle, weight: feedForwardNorm, inverse: kept.feedForwardInverse, into: normed)
        }
        try gateUp.backward(
            normed, dY: gates, cache: kept.gateUpCache, masks: pass.masks, scratch: scratch,
            weights: weights, interruption: pass.interruption, into: dNormed)
        rmsNormBackward(
            middle, weight: feedForwardNorm, inverse: kept.feedForwardInverse, dY: dNormed,
            addingTo: dStream)
    }

    /// The attention half of the backward pass.
    ///
    /// - Parameters:
    ///   - chosen: the S rows that `forward` was asked for; nil: all T.
    ///   - dStream: ∂L/∂middle in its first S rows on entry, ∂L/∂x on return; shape [T, C].
    ///   - wantsInput: false for the first layer, below which there is nothing to train; then
    ///     `dStream` stays as it is.
    func backwardFromAttentionOutput(
        _ pass: Pass, _ kept: LayerActivations, _ backward: BackwardScratch, chosen: [Int]?,
        weights: Bool, wantsInput: Bool, dStream: Matrix
    ) throws(VaccineError) {
        let rows = 0..<pass.tokens
        let scratch = pass.scratch
        let (input, context) = (kept.input.rows(rows), kept.context.rows(rows))
        let dContext = backward.dContext.rows(rows)
        let some = 0..<(chosen?.count ?? pass.tokens)
        try output.backward(
            context.rows(some), dY: dStream.rows(some), cache: kept.outputCache,
            masks: pass.masks, scratch: scratch, weights: weights,
            interruption: pass.interruption, into: dContext.rows(some))
        if let chosen {
            context.scatter(chosen)
            dContext.scatter(chosen)
            dStream.scatter(chosen)
        }
        try pass.interruption.check()
        let dQKV = backward.dQKV.rows(rows)
        try pass.attention.backward(
            kept.qkv.rows(rows), offsets: pass.batch.offsets,
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
