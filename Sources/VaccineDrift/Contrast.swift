internal import Glibc
public import VaccineNumerics

/// Whether a measure is larger on one group of prompts than on another, for several measures at once.
///
/// ```
/// statistic = log(mean over a / mean over b)
/// ```
/// A permutation gives group a to the prompts whose hash of (key, draw) is smallest; a bootstrap draw
/// weighs prompts by Poisson(1) numbers. Both belong to prompts and not to places.
public struct Contrast: Sendable {
    /// [B + 1, measures]; the first row is the observed one.
    public let statistics: [Double]
    /// Bounds of the ratio mean a / mean b, one pair for each measure.
    public let intervals: [(low: Double, high: Double)]

    /// - Parameters:
    ///   - values: positive measures [P, measures], prompts sorted by key.
    ///   - isFirst: whether the prompt is of group a, else of b.
    ///   - draws: B, of permutations and of bootstrap weights.
    /// - Complexity: O(B · P · (log P + measures)).
    public init(
        values: [Double], measures: Int, isFirst: [Bool], keys: [UInt64], draws: Int,
        confidence: Double, seed: UInt64, interruption: Interruption
    ) throws(VaccineError) {
        let prompts = keys.count
        let size = isFirst.count { $0 }
        let streams = keys.map { PromptKey(value: $0).orders(seed) }
        let totals = (0..<measures).map { measure in
            (0..<prompts).reduce(0) { $0 + values[$1 * measures + measure] }
        }
        @Sendable func logRatios(_ sums: [Double]) -> [Double] {
            (0..<measures).map {
                log((sums[$0] / Double(size)) / ((totals[$0] - sums[$0]) / Double(prompts - size)))
            }
        }
        // In the order of the prompts whatever the draw, so that equal sets tie exactly.
        @Sendable func sums(_ isMember: (_ prompt: Int) -> Bool) -> [Double] {
            var sums = [Double](repeating: 0, count: measures)
            for prompt in 0..<prompts where isMember(prompt) {
                for measure in 0..<measures { sums[measure] += values[prompt * measures + measure] }
            }
            return sums
        }
        let results = Results<[Double]>(count: draws)
        let permuting = interruption.part(0, of: 2)
        for wave in Blocks(of: draws, size: Threads.wave(of: prompts * (measures + 32))) {
            try permuting.check(wave.lowerBound, of: draws)
            Threads.forEach(wave.count) { index, _ in
                let draw = wave.lowerBound + index
                let words = streams.map { $0.word(at: draw) }
                var (last, ties) = Contrast.smallest(size, of: words)
                results[draw] = logRatios(
                    sums { prompt in
                        guard words[prompt] == last else { return words[prompt] < last }
                        ties -= 1
                        return ties >= 0
                    })
            }
        }
        let observed = logRatios(sums { isFirst[$0] })
        statistics = observed + (0..<draws).flatMap { results[$0] ?? [] }
        intervals = try Contrast.ratios(
            values, measures, isFirst, keys, draws, confidence, seed, interruption.part(1, of: 2))
    }

    /// The largest of the `count` smallest words, and how many of these are equal to it.
    private static func smallest(_ count: Int, of words: [UInt64]) -> (last: UInt64, ties: Int) {
        guard count > 0 else { return (0, 0) }
        var ordered = words
        select(count - 1, &ordered)
        let last = ordered[count - 1]
        return (last, count - words.count { $0 < last })
    }

    private static func ratios(
        _ values: [Double], _ measures: Int, _ isFirst: [Bool], _ keys: [UInt64], _ draws: Int,
        _ confidence: Double, _ seed: UInt64, _ interruption: Interruption
    ) throws(VaccineError) -> [(low: Double, high: Double)] {
        func means(of group: Bool, _ interruption: Interruption) throws(VaccineError) -> [[Double]]
        {
            let members = isFirst.indices.filter { isFirst[$0] == group }
            let table = members.flatMap { prompt in
                [1] + values[prompt * measures..<(prompt + 1) * measures]
            }
            let sums = try bootstrapSums(
                table: table, columns: measures + 1, keys: members.map { keys[$0] }, draws: draws,
                seed: seed, interruption: interruption)
            return (0..<draws).map { draw in
                let row = sums[draw * (measures + 1)..<(draw + 1) * (measures + 1)]
                return row.dropFirst().map { $0 / row[row.startIndex] }
            }
        }
        let a = try means(of: true, interruption.part(0, of: 2))
        let b = try means(of: false, interruption.part(1, of: 2))
        return (0..<measures).map { measure in
            let drawn = (0..<draws).map { a[$0][measure] / b[$0][measure] }
                .filter(\.isFinite).sorted()
            return (
                quantile(drawn, (1 - confidence) / 2), quantile(drawn, (1 + confidence) / 2)
            )
        }
    }
}
