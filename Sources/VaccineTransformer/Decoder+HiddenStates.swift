package import VaccineNumerics

/// Which rows of a packed batch become rows of a result: result row `i` is the mean of the batch's
/// rows `rows[bounds[i]..<bounds[i + 1]]`.
package struct Pooling: Sendable {
    let rows: [Int]
    let bounds: [Int]

    var count: Int { bounds.count - 1 }

    /// - Throws: `VaccineError.value` for a row outside `0..<tokens` or bounds that do not rise
    ///   strictly from 0 to the number of rows.
    package init(rows: [Int], bounds: [Int], tokens: Int) throws(VaccineError) {
        for (index, row) in rows.enumerated() where !(0..<tokens).contains(row) {
            throw .value("rows: \(row) at position \(index) is outside the batch's 0..<\(tokens)")
        }
        let rising = zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
        guard bounds.count >= 2, bounds.first == 0, bounds.last == rows.count, rising else {
            throw .value(
                "bounds must rise strictly from 0 to the number of rows (\(rows.count)), got "
                    + "\(counted(bounds.count, "entry")) from \(bounds.first ?? -1) "
                    + "to \(bounds.last ?? -1)")
        }
        self.rows = rows
        self.bounds = bounds
    }

    private init(rows: [Int], bounds: [Int]) {
        self.rows = rows
        self.bounds = bounds
    }

    /// The same of a batch whose rows are elsewhere.
    func moved(to places: [Int]) -> Pooling {
        Pooling(rows: rows.map { places[$0] }, bounds: bounds)
    }

    /// Sums in float64, so that the mean of many tokens is as exact as one token.
    func pool(_ states: Matrix, into output: Matrix) {
        Threads.forEach(count) { index, _ in
            let chosen = rows[bounds[index]..<bounds[index + 1]]
            if chosen.count == 1, let row = chosen.first {
                output.rows(index..<index + 1).copy(from: states.rows(row..<row + 1))
                return
            }
            var sum = [Double](repeating: 0, count: states.columns)
            for row in chosen {
                let state = states[row]
                for column in sum.indices { sum[column] += Double(state[column]) }
            }
            var target = output.mutable(index)
            let scale = 1 / Double(chosen.count)
            for column in sum.indices { target[column] = Float(sum[column] * scale) }
        }
    }
}

extension Decoder {
    /// States of a packed batch, dropout off; layers above the last wanted one are not computed.
    ///
    /// - Parameters:
    ///   - layers: indices in rising order.
    ///   - outputs: shape [layers · pooled rows, C], layer after layer, overwritten.
    /// - Throws: `VaccineError.value` when one is not finite.
    package func hiddenStates(
        _ kind: HiddenState, of batch: PackedBatch, layers: [Int], pooling: Pooling,
        interruption: Interruption, into outputs: Matrix
    ) throws(VaccineError) {
        let shared = sharing(batch)
        let pooling = pooling.moved(to: shared.rows)
        let pass = try self.pass(shared.batch, training: false, interruption: interruption)
        var place = [Int?](repeating: nil, count: configuration.layerCount)
        for (index, layer) in layers.enumerated() { place[layer] = index }
        try forward(pass, layers: 1 + (layers.last ?? -1)) { state, layer, states in
            guard state == kind, let index = place[layer] else { return }
            let rows = index * pooling.count..<(index + 1) * pooling.count
            pooling.pool(states, into: outputs.rows(rows))
        }
        if let place = outputs.firstNonFinite() {
            let layer = layers[place.row / pooling.count]
            throw try nonFinite(
                pass,
                "row \(place.row % pooling.count) of the \(kind.name) of layer \(layer) is not finite"
            )
        }
    }
}
