package import VaccineNumerics

extension Decoder {
    /// Continues every prompt, greedily or by sampling, until an end token or the limit.
    ///
    /// Prompts are read one at a time, then all advance together, one token a step, without those that
    /// have ended. Each row of every product is summed by itself (`multiplyRows`), so a prompt gives the
    /// same tokens alone and in any batch.
    /// - Parameters:
    ///   - prompts: B sequences laid end to end.
    ///   - limit: new tokens per prompt, ≥ 0.
    ///   - endTokens: ids that end a continuation; the one met is kept as its last token.
    /// - Returns: B continuations.
    /// - Throws: `VaccineError.value` when a prompt and its continuation exceed the context.
    package func generate(
        _ prompts: PackedBatch, limit: Int, sampling: Sampling, endTokens: Set<Int32>,
        interruption: Interruption
    ) throws(VaccineError) -> [[Int32]] {
        try sampling.validate()
        guard limit >= 0 else { throw .value("max_new_tokens must be at least 0, got \(limit)") }
        let longest = prompts.longest
        guard longest + limit <= configuration.contextLength else {
            throw .value(
                "max_new_tokens: a prompt of \(longest) tokens and \(limit) new ones exceed the "
                    + "context of \(configuration.contextLength)")
        }
        var continuations = [[Int32]](repeating: [], count: prompts.sequenceCount)
        guard limit > 0 else { return continuations }
        var cache = try KeyValueCache(
            configuration, sequences: prompts.sequenceCount, capacity: longest + limit)
        try reserve(
            tokens: max(longest, prompts.sequenceCount), sequences: prompts.sequenceCount,
            longest: longest + limit, training: false)

        var active: [Int] = []
        for prompt in 0..<prompts.sequenceCount {
            let ids = Array(prompts.inputIDs[prompts.offsets[prompt]..<prompts.offsets[prompt + 1]])
            let logits = try read(ids, prompt: prompt, cache: &cache, interruption)
            let token = sampling.choose(logits[0], prompt: prompt, step: 0)
            continuations[prompt].append(token)
            if !endTokens.contains(token) && limit > 1 { active.append(prompt) }
        }
        var step = 1
        while !active.isEmpty {
            let tokens = active.map { continuations[$0][step - 1] }
            let chosen = try advance(active, tokens, cache: &cache, interruption) { row, logits in
                sampling.choose(logits, prompt: active[row], step: step)
            }
            for (prompt, token) in zip(active, chosen) { continuations[prompt].append(token) }
            step += 1
            active.removeAll {
                step == limit || endTokens.contains(continuations[$0][step - 1])
            }
        }
        return continuations
    }

    /// Runs a prompt and keeps its keys and values.
    ///
    /// - Returns: the logits after its last token, shape [1, V].
    private func read(
        _ ids: [Int32], prompt: Int, cache: inout KeyValueCache, _ interruption: Interruption
    ) throws(VaccineError) -> Matrix {
        let batch = try PackedBatch(
            inputIDs: ids, labels: nil, offsets: [0, ids.count], configuration: configuration)
        let pass = try pass(batch, masks: nil, training: false, interruption: interruption)
        let rows = 0..<ids.count
        let keysAndValues = configuration.queryWidth..<pass.workspace.layer(0).qkv.columns
        let cached = cache
        let x = try forward(pass) { index, _ in
            cached.sequence(prompt, layer: index).rows(rows).copy(
                from: pass.workspace.layer(index).qkv.rows(rows).columns(keysAndValues))
        }
        cache.lengths[prompt] = ids.count
        return logits(x.rows(ids.count - 1..<ids.count), pass.scratch)
    }

    /// Appends one token to each active sequence.
    ///
    /// - Returns: what `choose` makes of each row of logits.
    private func advance(
        _ active: [Int], _ tokens: [Int32], cache: inout KeyValueCache,
        _ interruption: Interruption, choose: (Int, Span<Float>) -> Int32
    ) throws(VaccineError) -> [Int32] {
        guard let workspace = inference else {
            preconditionFailure("generate reserves a workspace")
        }
        let rows = 0..<active.count
        let scratch = workspace.scratch
        let x = scratch.final.rows(rows)
        embed(tokens, into: x)
        for (index, layer) in layers.enumerated() {
            try interruption.check()
            layer.advance(
                x, active, cache: cache, layer: index, kept: workspace.layer(index), scratch,
                epsilon: configuration.normEpsilon, attention, rotary)
        }
        for sequence in active { cache.lengths[sequence] += 1 }
        var chosen: [Int32] = []
        for start in stride(from: 0, to: active.count, by: Scratch.lossChunk) {
            let chunk = start..<min(start + Scratch.lossChunk, active.count)
            let logits = logits(x.rows(chunk), scratch)
            for row in chunk { chosen.append(choose(row, logits[row - start])) }
        }
        return chosen
    }

    /// Logits of a few rows, each computed by itself.
    private func logits(_ x: Matrix, _ scratch: Scratch) -> Matrix {
        let normed = scratch.normed.rows(0..<x.rows)
        rmsNormForward(
            x, weight: finalNorm, epsilon: configuration.normEpsilon,
            inverse: scratch.finalInverse, into: normed)
        let logits = scratch.logits.rows(0..<x.rows)
        multiplyRows(normed, head, into: logits)
        return logits
    }
}

extension DecoderLayer {
    /// The forward pass of one new token of each active sequence; x is changed in place.
    fileprivate func advance(
        _ x: Matrix, _ active: [Int], cache: KeyValueCache, layer: Int, kept: LayerActivations,
        _ scratch: Scratch, epsilon: Float, _ attention: Attention, _ rotary: RotaryEmbedding
    ) {
        let rows = 0..<x.rows
        let normed = scratch.normed.rows(rows)
        let (qkv, context) = (kept.qkv.rows(rows), kept.context.rows(rows))
        let (middle, gates) = (kept.middle.rows(rows), kept.gateUp.rows(rows))
        rmsNormForward(
            x, weight: attentionNorm, epsilon: epsilon, inverse: kept.attentionInverse,
            into: normed)
        queryKeyValue.forwardRows(normed, cache: kept.qkvCache, scratch: scratch, into: qkv)
        let heads = attention.headCount + attention.keyValueHeadCount
        for (row, sequence) in active.enumerated() {
            let position = cache.lengths[sequence]
            var values = qkv.mutable(row)
            rotary.rotate(&values, heads: heads, position: position)
            cache.sequence(sequence, layer: layer).rows(position..<position + 1).copy(
                from: qkv.rows(row..<row + 1).columns(attention.queryWidth..<qkv.columns))
        }
        let lengths = active.map { cache.lengths[$0] + 1 }
        let caches = active.map { cache.sequence($0, layer: layer) }
        attention.advance(
            qkv, caches: caches, lengths: lengths, scratch: scratch.attention, into: context)
        output.forwardRows(context, cache: kept.outputCache, scratch: scratch, into: middle)
        x.add(middle)

        rmsNormForward(
            x, weight: feedForwardNorm, epsilon: epsilon, inverse: kept.feedForwardInverse,
            into: normed)
        gateUp.forwardRows(normed, cache: kept.gateUpCache, scratch: scratch, into: gates)
        let activated = scratch.activated.rows(rows)
        swiGLUForward(gates, into: activated)
        down.forwardRows(activated, cache: kept.downCache, scratch: scratch, into: middle)
        x.add(middle)
    }
}
