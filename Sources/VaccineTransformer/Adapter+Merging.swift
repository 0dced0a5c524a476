package import VaccineNumerics

// What becomes of an adapter that was trained: part of the weights, or a frozen one below the next.

/// The factors of an adapter that is trained no more.
package struct FrozenAdapter {
    /// The largest.
    let rank: Int
    let values: Arena
    /// The factors under their names, after `frozen.N.`.
    let factors: TensorTable
}

/// Rows of a weight that are merged at a time.
private let mergedRows = 256

extension Decoder {
    /// Keeps the adapter as it is below the next one: it is part of what the model computes, has no dropout
    /// and no gradient.
    ///
    /// - Throws: `VaccineError.state` if there is none.
    package func freezeAdapter() throws(VaccineError) {
        guard let adapter else { throw .state("the model has no adapter to freeze") }
        let prefix = "frozen.\(frozenAdapters.count)."
        let factors = adapterTable(layers, prefix: prefix) { ($0.down, $0.up) }
        for index in layers.indices {
            layers[index].mapParts { _, part in
                if let update = part.adapter?.update { part.frozen.append(update) }
                part.adapter = nil
            }
        }
        frozenAdapters.append(
            FrozenAdapter(rank: adapter.rank, values: adapter.values, factors: factors))
        self.adapter = nil
        discardWorkspaces()
    }

    /// Drops the frozen adapters.
    package func removeFrozenAdapters() {
        for index in layers.indices { layers[index].mapParts { $1.frozen = [] } }
        frozenAdapters = []
        discardWorkspaces()
    }

    /// W += scale · B · A for every adapted projection and each adapter, then removes them.
    ///
    /// In bfloat16 the sum is formed in float32 and rounded. A merged projection's Bs become zero, so
    /// that the model computes the same after an interruption and merging again completes it.
    /// - Throws: Before anything is changed: `VaccineError.state` if there is none or weights are held as
    ///   blocks, `.memory`, `.value` for a sum that the weight cannot hold.
    package func mergeAdapter(interruption: Interruption) throws(VaccineError) {
        guard adapter != nil || !frozenAdapters.isEmpty else {
            throw .state("the model has no adapter")
        }
        if let blocks = tensors(.weight).first(where: { $0.blocks != nil }) {
            throw Decoder.frozenBlocks(blocks.name)
        }
        let widest = layers.flatMap(\.parts).map { $0.0.weight.columns }.max() ?? 0
        let scratch = try Arena(
            byteCount: mergedRows * widest * MemoryLayout<Float>.stride, purpose: "merging")
        defer { scratch.keepAlive() }
        let block = scratch.matrix(rows: 1, columns: mergedRows * widest)
        try forEachMerged(block, interruption) { (part, weight, range, sum) throws(VaccineError) in
            guard let place = sum.firstNonFinite(limit: weight.limit) else { return }
            throw Decoder.notHeld(
                "\(part.module).weight, merged", sum[place.row, place.column],
                at: (range.lowerBound + place.row, place.column))
        }
        try forEachMerged(block, interruption) { (part, weight, range, sum) in
            weight.rows(range).write(sum)
            guard range.upperBound == weight.rows else { return }
            for update in part.updates { update.up.fill(0) }
        }
        if adapter != nil { try removeAdapter() }
        removeFrozenAdapters()
    }

    /// Calls `body` with every adapted part, its weight, rows of it, and their sum with all updates.
    private func forEachMerged(
        _ block: Matrix, _ interruption: Interruption,
        _ body: (Projection.Part, Weight, Range<Int>, Matrix) throws(VaccineError) -> Void
    ) throws(VaccineError) {
        for layer in layers {
            for (projection, part) in layer.parts where !part.updates.isEmpty {
                try interruption.check()
                let weight = projection.weight.rows(part.range)
                for range in mergedRanges(of: weight) {
                    let sum = block.reshaped(rows: range.count, columns: weight.columns)
                    part.readMerged(weight, rows: range, into: sum)
                    try body(part, weight, range, sum)
                }
            }
        }
    }

    /// sum += scale · B · A of every adapter of a linear map, whose weight has this name; for others nothing.
    package func addUpdates(ofWeight name: String, to sum: Matrix) {
        for layer in layers {
            for (projection, part) in layer.parts where "\(part.module).weight" == name {
                for range in mergedRanges(of: projection.weight.rows(part.range)) {
                    for update in part.updates { update.merge(rows: range, into: sum.rows(range)) }
                }
            }
        }
    }
}

extension Projection.Part {
    /// The frozen ones, then the one that is trained.
    fileprivate var updates: [LowRankUpdate] { frozen + (adapter.map { [$0.update] } ?? []) }

    /// sum = the rows of `range` of the part's weight, with all updates added.
    fileprivate func readMerged(_ weight: Weight, rows range: Range<Int>, into sum: Matrix) {
        weight.rows(range).read(into: sum)
        for update in updates { update.merge(rows: range, into: sum) }
    }
}

private func mergedRanges(of weight: Weight) -> [Range<Int>] {
    stride(from: 0, to: weight.rows, by: mergedRows).map {
        $0..<min($0 + mergedRows, weight.rows)
    }
}
