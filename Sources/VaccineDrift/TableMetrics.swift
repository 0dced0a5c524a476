internal import COpenBLAS
public import VaccineNumerics

/// The metrics that are ratios of the prompt table's sums. The raw value is the metric's place in arrays.
public enum TableMetric: Int, CaseIterable, Sendable {
    /// √(Σ|δ|² / Σ|x|²).
    case relativeDrift
    /// √(Σ|δ|² / (N · d)): the root mean square change of an element.
    case rms
    /// Σ|δ| / N.
    case meanL2
    /// Σ cos(x, y) / N.
    case cosine
    /// HED, profile rms: as `rms`.
    case hedRMS
    /// HED, profile paper: √Σ|δ|².
    case hedPaper
    /// HED, profile vaccine-code: Σ|δ|².
    case hedVaccineCode

    /// - Parameter sums: a row of sums in the order of `PromptTable`.
    func value(_ sums: ArraySlice<Double>, width: Int) -> Double {
        let first = sums.startIndex
        let (rows, distance, reference) = (sums[first], sums[first + 1], sums[first + 2])
        guard rows > 0 else { return .nan }
        return switch self {
        case .relativeDrift: reference > 0 ? (distance / reference).squareRoot() : .nan
        case .rms, .hedRMS: (distance / (rows * Double(width))).squareRoot()
        case .meanL2: sums[first + 5] / rows
        case .cosine: sums[first + 6] / rows
        case .hedPaper: distance.squareRoot()
        case .hedVaccineCode: distance
        }
    }
}

/// Table metrics of every layer and of all layers together, with bootstrap intervals over prompts.
///
/// A draw weighs each prompt by a Poisson(1) number from the hash of its key, so that draws belong to
/// prompts and not to places; percentiles of the draws bound the interval.
/// - Parameters:
///   - table: sums [P, layers, PromptTable.sumCount], prompts sorted by key.
///   - confidence: of the intervals, in (0, 1).
/// - Returns: [layers + 1, metrics]; intervals are NaN for fewer than two prompts.
/// - Complexity: O(P·draws·layers).
public func tableMetrics(
    table: [Double], layers: Int, width: Int, keys: [UInt64], draws: Int, confidence: Double,
    seed: UInt64, interruption: Interruption
) throws(VaccineError) -> [Estimate] {
    let count = PromptTable.sumCount
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
        TableMetric.allCases.map { metric in
            let part = layer * count..<(layer + 1) * count
            var estimate = Estimate()
            estimate.value = metric.value(whole[part], width: width)
            guard prompts >= 2 else {
                estimate.reason = .fewRows
                return estimate
            }
            let values = totals.map { metric.value($0[part], width: width) }.filter { !$0.isNaN }
                .sorted()
            estimate.low = quantile(values, (1 - confidence) / 2)
            estimate.high = quantile(values, (1 + confidence) / 2)
            if estimate.value.isNaN { estimate.reason = .noVariance }
            return estimate
        }
    }
}

/// Weighted sums of every column over prompts, [draws, columns].
func bootstrapSums(
    table: [Double], columns: Int, keys: [UInt64], draws: Int, seed: UInt64,
    interruption: Interruption
) throws(VaccineError) -> [Double] {
    let prompts = keys.count
    let block = 32
    let blocks = (draws + block - 1) / block
    let values = DoubleMatrix(rows: prompts, columns: columns, table)
    let results = Results<DoubleMatrix>(count: blocks)
    let wave = 4 * Threads.count
    for start in stride(from: 0, to: blocks, by: wave) {
        try interruption.check()
        Threads.forEach(min(wave, blocks - start)) { index, _ in
            let first = (start + index) * block
            let rows = min(block, draws - first)
            var weights = DoubleMatrix(zeros: rows, prompts)
            for (prompt, key) in keys.enumerated() {
                for row in 0..<rows {
                    weights[row, prompt] = PromptKey(value: key).weight(seed, draw: first + row)
                }
            }
            results[start + index] = product(weights, values)
        }
    }
    return (0..<blocks).flatMap { results[$0]?.elements ?? [] }
}

/// The rows of all layers, then their sum.
private func withTotal(_ sums: [Double], layers: Int) -> [Double] {
    let count = PromptTable.sumCount
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
