package import VaccineNumerics

extension Decoder {
    /// Continues every prompt, greedily or by sampling, until an end token or its limit.
    ///
    /// As many prompts as the cache has places for advance together, one token a step; those that have ended
    /// leave theirs to prompts that wait, which are read in packed batches, a beginning that several have in common
    /// once. A sequence that grows so long that all of its positions turn otherwise is read again. Each row of every
    /// product is summed by itself and in one order, so a prompt gives the same tokens alone and beside any others.
    /// - Parameters:
    ///   - prompts: B sequences laid end to end.
    ///   - limits: new tokens of each prompt at most, ≥ 1.
    ///   - endTokens: ids that end a continuation; the one met is kept as its last token.
    ///   - places: of the cache; nil: as many as `KeyValueCache.places` gives.
    /// - Returns: B continuations.
    /// - Throws: `VaccineError.value` when a prompt and its continuation exceed the context.
    package func generate(
        _ prompts: PackedBatch, limits: [Int], sampling: Sampling, endTokens: Set<Int32>,
        places: Int? = nil, interruption: Interruption
    ) throws(VaccineError) -> [[Int32]] {
        try sampling.validate()
        let capacity = try capacity(prompts, limits)
        let cache = try KeyValueCache(
            configuration,
            sequences: places
                ?? KeyValueCache.places(
                    configuration, sequences: prompts.sequenceCount, capacity: capacity),
            capacity: capacity)
        try reserve(
            tokens: max(
                min(prompts.tokenCount, max(Decoder.tokensReadTogether, prompts.longest)),
                cache.places),
            sequences: cache.places, longest: capacity, training: false)

        var continuations = [[Int32]](repeating: [], count: prompts.sequenceCount)
        var (waiting, active) = (0, [Seated]())
        func advance(_ seated: [Seated], reading: PackedBatch?) throws(VaccineError) {
            let shared = reading.map(sharing)
            let batch =
                shared?.batch
                ?? PackedBatch(next: seated.map { continuations[$0.prompt].last ?? 0 })
            let cached = CachedSequences(
                cache, places: seated.map(\.place),
                rows: shared.map { seated.indices.map($0.rows(ofSequence:)) })
            let draws = seated.enumerated().map { sequence, one in
                Draw(
                    prompt: one.prompt, step: continuations[one.prompt].count,
                    row: cached.rows?[sequence].last.map { $0.upperBound - 1 } ?? sequence)
            }
            let chosen = try nextTokens(
                after: batch, reading: reading != nil, cached, draws, sampling, interruption)
            for (one, token) in zip(seated, chosen) {
                continuations[one.prompt].append(token)
                if continuations[one.prompt].count == limits[one.prompt]
                    || endTokens.contains(token)
                {
                    cache.free(one.place)
                } else if reading != nil {
                    active.append(one)
                }
            }
        }
        while waiting < prompts.sequenceCount || !active.isEmpty {
            // Few prompts are read as slowly as many: they wait for each other.
            if active.isEmpty || 4 * cache.freePlaces >= cache.places {
                let taken = waiting..<min(waiting + cache.freePlaces, prompts.sequenceCount)
                for part in prompts.parts(taken, ofTokens: Decoder.tokensReadTogether) {
                    let seated = part.map { Seated(prompt: $0, place: cache.take()) }
                    try advance(seated, reading: prompts.sequences(part))
                }
                waiting = taken.upperBound
            }
            guard !active.isEmpty else { continue }
            let outgrown = active.filter {
                positions.changesWhatCame(before: cache.lengths[$0.place])
            }
            active.removeAll { one in outgrown.contains { $0.place == one.place } }
            if !active.isEmpty { try advance(active, reading: nil) }
            active.removeAll { !cache.isTaken($0.place) }
            for one in outgrown {
                cache.clear(one.place)
                let prompt = prompts.sequences(one.prompt..<one.prompt + 1).inputIDs
                try advance([one], reading: PackedBatch(whole: prompt + continuations[one.prompt]))
            }
        }
        return continuations
    }

    /// A prompt, and where its keys and values are.
    private struct Seated {
        let prompt, place: Int
    }

    /// Prompts are read together up to this many tokens: enough for products at full speed.
    private static let tokensReadTogether = 1024

    /// Tokens of the longest prompt with its continuation.
    private func capacity(
        _ prompts: PackedBatch, _ limits: [Int]
    ) throws(VaccineError) -> Int {
        guard limits.count == prompts.sequenceCount else {
            throw .value(
                "max_new_tokens must have one entry for each of "
                    + "\(counted(prompts.sequenceCount, "prompt")), got \(limits.count)")
        }
        var capacity = 0
        for (prompt, limit) in limits.enumerated() {
            guard limit >= 1 else {
                throw .value("max_new_tokens must be at least 1, got \(limit)")
            }
            let length = prompts.offsets[prompt + 1] - prompts.offsets[prompt]
            guard limit <= configuration.contextLength - length else {
                throw .value(
                    "max_new_tokens: a prompt of \(counted(length, "token")) and \(limit) new ones exceed "
                        + "the context of \(configuration.contextLength)")
            }
            capacity = max(capacity, length + limit)
        }
        return capacity
    }

    /// Which token of which prompt is chosen, by the logits of which row.
    private struct Draw {
        let prompt, step, row: Int
    }

    /// Runs the next tokens of sequences and keeps their keys and values.
    ///
    /// - Parameters:
    ///   - batch: whole sequences, or what they share and what not, when `reading`, else one token of each.
    ///   - draws: one for each sequence.
    /// - Returns: the token after each sequence.
    private func nextTokens(
        after batch: PackedBatch, reading: Bool, _ cached: CachedSequences, _ draws: [Draw],
        _ sampling: Sampling, _ interruption: Interruption
    ) throws(VaccineError) -> [Int32] {
        let asked = ChosenRows(draws.map(\.row), of: batch.tokenCount)
        let pass = try pass(
            batch, positions: reading ? nil : .single(cached.lengths),
            finalRows: reading ? asked.rows : nil, cached: cached, training: false,
            interruption: interruption)
        let x = try forward(pass)
        var chosen = [Double](repeating: .nan, count: draws.count)
        try head.forward(x, pass) { (rows, logits) throws(VaccineError) in
            let questions = asked.questions(at: rows)
            let tokens = Threads.map(questions.count) {
                let (question, row) = questions[$0]
                let draw = draws[question]
                return sampling.choose(logits[row], prompt: draw.prompt, step: draw.step)
                    .map(Double.init) ?? .nan
            }
            for ((question, _), token) in zip(questions, tokens) { chosen[question] = token }
        }
        if let place = chosen.firstIndex(where: \.isNaN) {
            let draw = draws[place]
            throw try nonFinite(
                pass,
                "the logits of prompt \(draw.prompt) are not finite at new token \(draw.step)")
        }
        cached.advance()
        return chosen.map { Int32($0) }
    }
}
