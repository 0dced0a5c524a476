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
        let streams = keys.map { PromptKey(value: $0) }
        let totals = (0..<measures).map { measure in
            (0..<prompts).reduce(0) { $0 + values[$1 * measures + measure] }
        }
        @Sendable func logRatios(_ sums: [Double]) -> [Double] {
            (0..<measures).map {
                log((sums[$0] / Double(size)) / ((totals[$0] - sums[$0]) / Double(prompts - size)))
            }
        }
        @Sendable func sums(of members: [Int]) -> [Double] {
            var sums = [Double](repeating: 0, count: measures)
            for prompt in members {
                for measure in 0..<measures { sums[measure] += values[prompt * measures + measure] }
            }
            return sums
        }
        let results = Results<[Double]>(count: draws)
        let wave = 64 * Threads.count
        for start in stride(from: 0, to: draws, by: wave) {
            try interruption.check()
            Threads.forEach(min(wave, draws - start)) { index, _ in
                let draw = start + index
                let order = streams.indices.sorted {
                    let (a, b) = (
                        streams[$0].order(seed, draw: draw), streams[$1].order(seed, draw: draw)
                    )
                    return (a, $0) < (b, $1)
                }
                // Added in the order of the observed sums, so that equal sets tie exactly.
                results[draw] = logRatios(sums(of: order.prefix(size).sorted()))
            }
        }
        let observed = logRatios(sums(of: isFirst.indices.filter { isFirst[$0] }))
        statistics = observed + (0..<draws).flatMap { results[$0] ?? [] }
        intervals = try Contrast.ratios(
            values, measures, isFirst, keys, draws, confidence, seed, interruption)
    }

    private static func ratios(
        _ values: [Double], _ measures: Int, _ isFirst: [Bool], _ keys: [UInt64], _ draws: Int,
        _ confidence: Double, _ seed: UInt64, _ interruption: Interruption
    ) throws(VaccineError) -> [(low: Double, high: Double)] {
        func means(of group: Bool) throws(VaccineError) -> [[Double]] {
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
        let (a, b) = (try means(of: true), try means(of: false))
        return (0..<measures).map { measure in
            let drawn = (0..<draws).map { a[$0][measure] / b[$0][measure] }
                .filter(\.isFinite).sorted()
            return (
                quantile(drawn, (1 - confidence) / 2), quantile(drawn, (1 + confidence) / 2)
            )
        }
    }
}
