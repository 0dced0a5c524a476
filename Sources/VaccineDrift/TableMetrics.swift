public import VaccineNumerics

/// Table metrics of every layer and of all layers together, with bootstrap intervals over prompts.
///
/// A draw weighs each prompt by a Poisson(1) number from the hash of its key, so that draws belong to
/// prompts and not to places; percentiles of the draws bound the interval.
/// - Parameters:
///   - table: sums [P, layers, PromptSums.count], prompts sorted by key.
///   - confidence: of the intervals, in (0, 1).
/// - Returns: [layers + 1, metrics]; intervals are NaN for fewer than two prompts.
/// - Complexity: O(P·draws·layers).
public func tableMetrics(
    table: [Double], layers: Int, width: Int, keys: [UInt64], draws: Int, confidence: Double,
    seed: UInt64, interruption: Interruption
) throws(VaccineError) -> [Estimate] {
    let count = PromptSums.count
    let columns = layers * count
    let prompts = keys.count
    let whole = withTotal(
        (0..<columns).map { column in
            (0..<prompts).reduce(0) { $0 + table[$1 * columns + column] }
        }, layers: layers)
    let drawn = try bootstrapSums(
        table: table, columns: columns, keys: keys, draws: draws, seed: seed,
        interruption: interruption)
    let totals = (0..<draws).map {
        withTotal(Array(drawn[$0 * columns..<($0 + 1) * columns]), layers: layers)
    }
    return (0...layers).flatMap { layer in
        DriftMetric.ofTable.map { metric in
            let part = layer * count..<(layer + 1) * count
            func value(_ sums: [Double]) -> Double {
                let sums = PromptSums(sums[part])
                return sums.rows > 0 ? metric.table?(sums, width) ?? .nan : .nan
            }
            var estimate = Estimate()
            estimate.value = value(whole)
            guard prompts >= 2 else {
                estimate.reason = .fewRows
                return estimate
            }
            let values = totals.map(value).filter { !$0.isNaN }.sorted()
            estimate.low = quantile(values, (1 - confidence) / 2)
            estimate.high = quantile(values, (1 + confidence) / 2)
            if estimate.value.isNaN { estimate.reason = .noVariance }
            return estimate
        }
    }
}

/// A table metric of every prompt by itself, without intervals.
///
/// - Parameter table: sums [P, layers, PromptTable.sumCount].
/// - Returns: [P, layers + 1], the last column over all layers; NaN where it is not defined.
public func promptMetric(
    _ metric: DriftMetric, table: [Double], layers: Int, width: Int
) -> [Double] {
    let size = layers * PromptSums.count
    return stride(from: 0, to: table.count, by: size).flatMap { start in
        let sums = withTotal(Array(table[start..<start + size]), layers: layers)
        return (0...layers).map { layer in
            let part = PromptSums(sums[layer * PromptSums.count..<(layer + 1) * PromptSums.count])
            return part.rows > 0 ? metric.table?(part, width) ?? .nan : .nan
        }
    }
}

/// The rows of all layers, then their sum.
private func withTotal(_ sums: [Double], layers: Int) -> [Double] {
    let count = PromptSums.count
    return sums
        + (0..<count).map { index in (0..<layers).reduce(0) { $0 + sums[$1 * count + index] } }
}

/// The quantile of sorted values, interpolated linearly.
func quantile(_ sorted: [Double], _ share: Double) -> Double {
    guard let last = sorted.last else { return .nan }
    let place = share * Double(sorted.count - 1)
    let index = Int(place)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (place - Double(index)) * (sorted[index + 1] - sorted[index])
}
