package import VaccineNumerics

extension Decoder {
    /// Continues every prompt, greedily or by sampling, until an end token or the limit.
    ///
    /// Prompts are read in packed batches, then all advance together, one token a step, without those
    /// that have ended. Each row of every product is summed by itself and in one order, so a prompt gives
    /// the same tokens alone and in any batch.
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
        let parts = prompts.parts(ofTokens: Decoder.tokensReadTogether)
        try reserve(
            tokens: max(
                prompts.sequenceCount,
                parts.map { prompts.offsets[$0.upperBound] - prompts.offsets[$0.lowerBound] }
                    .max() ?? 0),
            sequences: prompts.sequenceCount, longest: longest + limit, training: false)

        for part in parts {
            let chosen = try read(
                prompts.sequences(part), from: part.lowerBound, &cache, sampling, interruption)
            for (prompt, token) in zip(part, chosen) { continuations[prompt].append(token) }
        }
        var step = 1
        var active = Array(continuations.indices)
        func removeEnded() {
            active.removeAll {
                step == limit || endTokens.contains(continuations[$0][step - 1])
            }
        }
        removeEnded()
        while !active.isEmpty {
            let chosen = try advance(
                active, active.map { continuations[$0][step - 1] }, &cache, sampling, step: step,
                interruption)
            for (prompt, token) in zip(active, chosen) { continuations[prompt].append(token) }
            step += 1
            removeEnded()
        }
        return continuations
    }

    /// Prompts are read together up to this many tokens: enough for products at full speed.
    private static let tokensReadTogether = 1024

    /// Runs prompts from number `first` on and keeps their keys and values.
    ///
    /// - Returns: the token after each.
    private func read(
        _ prompts: PackedBatch, from first: Int, _ cache: inout KeyValueCache, _ sampling: Sampling,
        _ interruption: Interruption
    ) throws(VaccineError) -> [Int32] {
        let (offsets, cached) = (prompts.offsets, cache)
        let pass = try pass(
            prompts, finalRows: offsets.dropFirst().map { $0 - 1 }, training: false,
            interruption: interruption)
        let keysAndValues = configuration.queryWidth..<pass.workspace.layer(0).qkv.columns
        let x = try forward(pass) { index, _ in
            let new = pass.workspace.layer(index).qkv.columns(keysAndValues)
            let targets = (0..<prompts.sequenceCount).map {
                cached.sequence(first + $0, layer: index)
            }
            Threads.forEach(targets.count) { prompt, _ in
                let rows = offsets[prompt]..<offsets[prompt + 1]
                targets[prompt].rows(0..<rows.count).copy(from: new.rows(rows))
            }
        }
        for prompt in 0..<prompts.sequenceCount {
            cache.lengths[first + prompt] = offsets[prompt + 1] - offsets[prompt]
        }
        return try choose(
            after: x, Array(first..<first + prompts.sequenceCount), sampling, step: 0,
            pass.scratch, interruption)
    }

    /// Appends one token to each active sequence.
    ///
    /// - Returns: the token after each.
    private func advance(
        _ active: [Int], _ tokens: [Int32], _ cache: inout KeyValueCache, _ sampling: Sampling,
        step: Int, _ interruption: Interruption
    ) throws(VaccineError) -> [Int32] {
        guard let workspace = inference else {
            preconditionFailure("generate reserves a workspace")
        }
        let rows = 0..<active.count
        let x = workspace.scratch.final.rows(rows)
        embed(tokens, into: x)
        for (index, layer) in layers.enumerated() {
            try interruption.check()
            layer.advance(
                x, active, cache: cache, layer: index, kept: workspace.layer(index),
                workspace.scratch, epsilon: configuration.normEpsilon, attention, rotary)
        }
        for sequence in active { cache.lengths[sequence] += 1 }
        return try choose(
            after: x, active, sampling, step: step, workspace.scratch, interruption)
    }

    /// The next token after rows of the residual stream, each computed by itself.
    ///
    /// - Parameter prompts: the number of each row's prompt, for its draws.
    private func choose(
        after x: Matrix, _ prompts: [Int], _ sampling: Sampling, step: Int, _ scratch: Scratch,
        _ interruption: Interruption
    ) throws(VaccineError) -> [Int32] {
        var chosen: [Int32] = []
        for start in stride(from: 0, to: x.rows, by: scratch.logits.rows) {
            try interruption.check()
            let count = min(scratch.logits.rows, x.rows - start)
            let normed = scratch.normed.rows(0..<count)
            rmsNormForward(
                x.rows(start..<start + count), weight: finalNorm,
                epsilon: configuration.normEpsilon,
                inverse: scratch.finalInverse, into: normed)
            let logits = scratch.logits.rows(0..<count)
            multiply(normed, transposing: head, into: logits)
            chosen += Threads.map(count) {
                Double(sampling.choose(logits[$0], prompt: prompts[start + $0], step: step))
            }.map { Int32($0) }
        }
        return chosen
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
        let caches = active.map {
            cache.sequence($0, layer: layer).rows(0..<cache.lengths[$0] + 1)
        }
        Threads.forEachRange(of: active.count) { range in
            for row in range {
                let position = caches[row].rows - 1
                var values = qkv.mutable(row)
                rotary.rotate(&values, heads: heads, position: position)
                caches[row].rows(position..<position + 1).copy(
                    from: qkv.rows(row..<row + 1).columns(attention.queryWidth..<qkv.columns))
            }
        }
        attention.advance(qkv, caches: caches, scratch: scratch.attention, into: context)
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
