public import VaccineNumerics

/// W_p^p of the projections of both samples on seeded random directions, one number each.
///
/// - Parameters:
///   - power: p, 1 or 2.
/// - Complexity: O(projections · (n + m) · d).
/// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`.
/// - SeeAlso: Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3.
public func slicedWasserstein(
    _ x: EmbeddingRows, _ y: EmbeddingRows, projections: Int, power: Int, seed: UInt64,
    interruption: Interruption
) throws(VaccineError) -> [Double] {
    try x.checkFinite("x", interruption: interruption.part(0, of: 64))
    try y.checkFinite("y", interruption: interruption.part(1, of: 64))
    let interruption = interruption.part(2..<64, of: 64)
    var results: [Double] = []
    // Directions that share a sweep over the rows: their projections take 64 MB at most.
    let together = max(1, min(16, (1 << 23) / (x.rows + y.rows)))
    for some in Blocks(of: projections, size: together) {
        let directions = some.map {
            direction(x.width, RandomStream(seed, 0x736C_6963, UInt64($0)))
        }
        let part = interruption.part(some, of: projections)
        let (a, b) = (
            try x.projected(directions, interruption: part.part(0, of: 3)),
            try y.projected(directions, interruption: part.part(1, of: 3))
        )
        try part.check(2, of: 3)
        results += Threads.map(some.count) { index in
            wassersteinPower(
                sortedNumbers(a[index], asSingles: false),
                sortedNumbers(b[index], asSingles: false),
                power)
        }
    }
    return results
}

private func direction(_ width: Int, _ stream: RandomStream) -> [Double] {
    let draws = (0..<width).map { Double(stream.normal(at: $0)) }
    let norm = dot(draws, draws).squareRoot()
    return draws.map { $0 / norm }
}

/// ∫ |F⁻¹(u) − G⁻¹(u)|^p du of sorted samples.
private func wassersteinPower(_ a: [Double], _ b: [Double], _ power: Int) -> Double {
    var (i, j, place, sum) = (0, 0, 0.0, 0.0)
    while i < a.count && j < b.count {
        let next = min(Double(i + 1) / Double(a.count), Double(j + 1) / Double(b.count))
        let distance = abs(a[i] - b[j])
        sum += (next - place) * (power == 1 ? distance : distance * distance)
        // The comparison in whole numbers, so that equal steps end together.
        let (endA, endB) = ((i + 1) * b.count, (j + 1) * a.count)
        if endA <= endB { i += 1 }
        if endB <= endA { j += 1 }
        place = next
    }
    return sum
}

extension EmbeddingRows {
    /// The dot products of all rows with each direction.
    fileprivate func projected(
        _ directions: [[Double]], interruption: Interruption
    ) throws(VaccineError) -> [[Double]] {
        let basis = DoubleMatrix(rows: directions.count, columns: width, directions.flatMap { $0 })
        let parts = Array(Blocks(of: rows, size: max(16, min(512, (1 << 19) / width))))
        var found = directions.map { _ in [Double](repeating: 0, count: rows) }
        let work = width * (directions.count + 8) * (parts.first?.count ?? 0)
        for wave in Blocks(of: parts.count, size: Threads.wave(of: work)) {
            try interruption.check(wave.lowerBound, of: parts.count)
            let products = Results<DoubleMatrix>(count: wave.count)
            Threads.forEach(wave.count) { index, _ in
                let part = parts[wave.lowerBound + index]
                var values = [Double](repeating: 0, count: part.count * width)
                for row in part { read(row, into: &values, from: (row - part.lowerBound) * width) }
                products[index] = product(
                    basis, transposed: false,
                    DoubleMatrix(rows: part.count, columns: width, values), transposed: true)
            }
            for index in wave {
                guard let values = products[index - wave.lowerBound] else { continue }
                for place in directions.indices {
                    found[place].replaceSubrange(
                        parts[index],
                        with: values.elements[place * values.columns..<(place + 1) * values.columns]
                    )
                }
            }
        }
        return found
    }
}
