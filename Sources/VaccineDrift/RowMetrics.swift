public import VaccineNumerics

/// Metrics of tables for all rows of two sides as those of one prompt.
///
/// - Returns: one value for each metric; NaN where it is not defined.
/// - Complexity: O(N · d), one sweep over both sides in bands that do not depend on the threads.
/// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`.
public func rowMetrics(
    _ metrics: [DriftMetric], _ reference: EmbeddingRows, _ current: EmbeddingRows,
    interruption: Interruption
) throws(VaccineError) -> [Double] {
    let width = reference.width
    let bands = Array(Blocks(of: reference.rows, size: max(16, (1 << 19) / width)))
    var sums = [Double](repeating: 0, count: PromptSums.count)
    for wave in Blocks(of: bands.count, size: Threads.wave(of: 1 << 21)) {
        try interruption.check(wave.lowerBound, of: bands.count)
        let parts = Results<[Double]>(count: wave.count)
        Threads.forEach(wave.count) { index, _ in
            parts[index] = reference.sums(bands[wave.lowerBound + index], with: current)
        }
        for index in 0..<wave.count { addEach(parts[index] ?? [], to: &sums) }
    }
    guard sums.allSatisfy(\.isFinite) else {
        try reference.checkFinite("reference")
        try current.checkFinite("current")
        throw .value("reference and current are too large: sums of squares overflow")
    }
    let all = PromptSums(sums[...])
    return metrics.map { $0.table?(all, width) ?? .nan }
}
