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
        let cache = try KeyValueCache(
            configuration, sequences: prompts.sequenceCount, capacity: longest + limit)
        let parts = prompts.parts(ofTokens: Decoder.tokensReadTogether)
        try reserve(
            tokens: max(
                prompts.sequenceCount,
                parts.map { prompts.offsets[$0.upperBound] - prompts.offsets[$0.lowerBound] }
                    .max() ?? 0),
            sequences: prompts.sequenceCount, longest: longest + limit, training: false)

        for part in parts {
            let chosen = try nextTokens(
                after: prompts.sequences(part), CachedSequences(cache: cache, numbers: Array(part)),
                sampling, step: 0, interruption)
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
            let chosen = try nextTokens(
                after: PackedBatch(next: active.map { continuations[$0][step - 1] }),
                CachedSequences(cache: cache, numbers: active), sampling, step: step, interruption)
            for (prompt, token) in zip(active, chosen) { continuations[prompt].append(token) }
            step += 1
            removeEnded()
        }
        return continuations
    }

    /// Prompts are read together up to this many tokens: enough for products at full speed.
    private static let tokensReadTogether = 1024

    /// Runs the next tokens of sequences and keeps their keys and values.
    ///
    /// - Parameters:
    ///   - batch: whole prompts in step 0, then one token of each sequence.
    ///   - step: which draw this is.
    /// - Returns: the token after each sequence.
    private func nextTokens(
        after batch: PackedBatch, _ cached: CachedSequences, _ sampling: Sampling, step: Int,
        _ interruption: Interruption
    ) throws(VaccineError) -> [Int32] {
        let pass = try pass(
            batch, positions: step == 0 ? nil : .single(cached.positions),
            finalRows: step == 0 ? batch.offsets.dropFirst().map { $0 - 1 } : nil, cached: cached,
            training: false, interruption: interruption)
        let x = try forward(pass)
        let prompts = cached.numbers
        var chosen: [Double] = []
        try head.forward(x, pass) { (rows, logits) throws(VaccineError) in
            chosen += Threads.map(rows.count) {
                let prompt = prompts[rows.lowerBound + $0]
                return sampling.choose(logits[$0], prompt: prompt, step: step).map(Double.init)
                    ?? .nan
            }
        }
        if let place = chosen.firstIndex(where: \.isNaN) {
            throw try nonFinite(pass, prompt: prompts[place], step: step)
        }
        cached.advance(batch)
        return chosen.map { Int32($0) }
    }

    /// Runs a pass again, whose logits are not finite, and names the first state that is not.
    private func nonFinite(
        _ pass: Pass, prompt: Int, step: Int
    ) throws(VaccineError) -> VaccineError {
        var first: String?
        _ = try forward(pass) { state, layer, values in
            if first == nil, values.firstNonFinite() != nil {
                first = "the \(state.name) of layer \(layer)"
            }
        }
        return .value(
            "the logits of prompt \(prompt) are not finite at new token \(step); the first state "
                + "that is not: \(first ?? "the logits themselves")")
    }
}
