internal import VaccineNumerics

/// Sums of every column of a table over prompts, weighted by each draw's Poisson(1) numbers; [draws, columns].
///
/// - Parameter table: [keys, columns].
/// - Complexity: O(prompts · draws · columns), in blocks of 2048 prompts and 32 draws, so that results do not
///   depend on the threads.
func bootstrapSums(
    table: [Double], columns: Int, keys: [UInt64], draws: Int, seed: UInt64,
    interruption: Interruption
) throws(VaccineError) -> [Double] {
    let (size, prompts) = (32, 2048)
    let streams = keys.map { PromptKey(value: $0).weights(seed) }
    let parts = Array(Blocks(of: keys.count, size: prompts))
    let values = parts.map { part in
        DoubleMatrix(
            rows: part.count, columns: columns,
            Array(table[part.lowerBound * columns..<part.upperBound * columns]))
    }
    let blocks = (draws + size - 1) / size
    let results = Results<DoubleMatrix>(count: blocks)
    for wave in Blocks(of: blocks, size: Threads.wave(of: size * keys.count * (columns + 8))) {
        try interruption.check(wave.lowerBound, of: blocks)
        Threads.forEach(wave.count) { index, _ in
            let block = wave.lowerBound + index
            var sums = DoubleMatrix(zeros: size, columns)
            for (part, values) in zip(parts, values) {
                let weights = RandomStream.poissonWeights(
                    streams[part], first: block * size, count: size)
                sums.add(
                    product(
                        DoubleMatrix(rows: part.count, columns: size, weights), transposed: true,
                        values))
            }
            results[block] = sums
        }
    }
    return (0..<blocks).flatMap { block in
        (results[block]?.elements ?? []).prefix(
            (min(draws, (block + 1) * size) - block * size) * columns)
    }
}
