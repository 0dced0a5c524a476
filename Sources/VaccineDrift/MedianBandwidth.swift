public import VaccineNumerics

extension PairSums {
    /// The square root of half the median squared distance of a seeded subsample of the rows: the bandwidth σ
    /// with which the Gaussian kernel is exp(−d² / median).
    ///
    /// Where that median is 0, since most pairs are of equal rows, it is the median among rows that all
    /// differ, which come from the whole pool.
    ///
    /// - Parameter sample: the most rows whose distances are taken.
    /// - Returns: 0 where all rows are equal, or so close that their squared distances are 0.
    /// - Throws: `.memory`, `.interrupted`.
    public func medianBandwidth(
        sample: Int, seed: UInt64, interruption: Interruption = .none
    ) throws(VaccineError) -> Double {
        var order = Array(0..<count)
        let stream = RandomStream(seed, 0x6D65_6469)
        func shuffle(_ places: Range<Int>) {
            for index in places {
                let rest = UInt64(count - index)
                let other = index + Int(stream.word(at: index).multipliedFullWidth(by: rest).high)
                order.swapAt(index, other)
            }
        }
        let drawn = min(sample, count)
        shuffle(0..<drawn)
        let rows = Array(order[..<drawn])
        var distances: [Double]
        switch precision(.negativeDistance) {
        case .single: distances = try productDistances(rows)
        case .double: distances = exactDistances(rows)
        }
        var square = median(&distances)
        if square == 0 {
            shuffle(drawn..<count)
            let rows = try pool.differing(order, atMost: sample, interruption: interruption)
            var distances = exactDistances(rows)
            square = distances.isEmpty ? 0 : median(&distances)
        }
        return (square / 2).squareRoot()
    }

    /// Squared distances of all pairs of some rows, by float32 products; exact for pairs that are much closer
    /// than their norms.
    private func productDistances(_ rows: [Int]) throws(VaccineError) -> [Double] {
        let arena = try Arena(
            byteCount: 4 * rows.count * (pool.width + rows.count + 48) + 512,
            purpose: "the median distance")
        defer { arena.keepAlive() }
        let all = pool.rows
        let part = arena.matrix(rows: rows.count, columns: pool.width)
        let gram = arena.matrix(rows: rows.count, columns: rows.count)
        let squares = arena.matrix(rows: 1, columns: rows.count)
        for (place, row) in rows.enumerated() {
            part.rows(place..<place + 1).copy(from: all[row])
        }
        multiply(part, transposing: Weight(part), into: gram)
        var distances: [Double] = []
        distances.reserveCapacity(rows.count * (rows.count - 1) / 2)
        for i in rows.indices { squares[0, i] = gram[i, i] }
        let (norms, unit) = (squares[0], 1 / (pool.scale * pool.scale))
        var places = [Int](repeating: 0, count: rows.count)
        for i in rows.indices {
            let products = gram[i]
            let start = distances.count - i - 1
            for j in i + 1..<rows.count {
                distances.append(max(0, Double(norms[i] + norms[j] - 2 * products[j])) * unit)
            }
            let close = closePairs(
                products, norm: norms[i], norms: norms, share: PairSums.closeness, places: &places)
            for j in places[..<close] where j > i {
                distances[start + j] = pool.squaredDistance(rows[i], rows[j])
            }
        }
        return distances
    }

    /// The same, exact to rounding.
    private func exactDistances(_ chosen: [Int]) -> [Double] {
        let block = pool.copy(chosen)
        let rows = block.embeddings
        let blocks = Array(Blocks(of: rows.rows, size: 64))
        let tasks = blocks.indices.flatMap { first in blocks[first...].map { (blocks[first], $0) } }
        let parts = Results<[Double]>(count: tasks.count)
        Threads.forEach(tasks.count) { index, _ in
            let (own, others) = tasks[index]
            var found: [Double] = []
            for row in own {
                let later = max(row + 1, others.lowerBound)..<max(row + 1, others.upperBound)
                var distances = [Double](repeating: 0, count: later.count)
                rows.squaredDistances(from: row, to: rows, later, into: &distances, from: 0)
                found += distances
            }
            parts[index] = found
        }
        withExtendedLifetime(block) {}
        return tasks.indices.flatMap { parts[$0] ?? [] }
    }
}

/// The median, in expected linear time; the values are left in another order.
func median(_ values: inout [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let middle = values.count / 2
    select(middle, &values)
    guard values.count % 2 == 0 else { return values[middle] }
    return (values[..<middle].reduce(-.infinity, max) + values[middle]) / 2
}

/// Puts the value of this rank in its place, none larger before it and none smaller after it (Hoare 1961).
func select<Value: Comparable>(_ rank: Int, _ values: inout [Value]) {
    var (low, high) = (0, values.count - 1)
    while low < high {
        let pivot = values[low + (high - low) / 2]
        var (i, j) = (low, high)
        while i <= j {
            while values[i] < pivot { i += 1 }
            while values[j] > pivot { j -= 1 }
            if i <= j {
                values.swapAt(i, j)
                i += 1
                j -= 1
            }
        }
        if rank <= j { high = j } else if rank >= i { low = i } else { return }
    }
}
