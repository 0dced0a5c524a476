internal import VaccineNumerics

extension Attention {
    var queryWidth: Int { headCount * headSize }

    /// Attention of one new token of each sequence to everything cached, itself included.
    ///
    /// - Parameters:
    ///   - qkv: shape [B, (H + 2K)·D]; only the queries are read.
    ///   - caches: B of [capacity, 2·K·D], keys left, values right. `lengths`: tokens in each.
    ///   - scratch: one matrix for every worker, shape [64, ≥ longest length].
    ///   - context: shape [B, H·D], overwritten.
    func advance(
        _ qkv: Matrix, caches: [Matrix], lengths: [Int], scratch: [Matrix], into context: Matrix
    ) {
        Threads.forEach(caches.count * headCount) { index, worker in
            let (row, head) = (index / headCount, index % headCount)
            let keyStart = head / (headCount / keyValueHeadCount) * headSize
            let valueStart = keyStart + keyValueHeadCount * headSize
            let seen = caches[row].rows(0..<lengths[row])
            let keys = seen.columns(keyStart..<keyStart + headSize)
            let values = seen.columns(valueStart..<valueStart + headSize)
            let columns = head * headSize..<(head + 1) * headSize
            let query = qkv.columns(columns)
            let scores = scratch[worker].rows(0..<1).columns(0..<lengths[row])
            var weights = scores.mutable(0)
            for position in 0..<lengths[row] {
                weights[position] =
                    dot(query[row], keys[position])
                    / Float(headSize).squareRoot()
            }
            _ = softmax(&weights, visible: lengths[row])
            let target = context.columns(columns).rows(row..<row + 1)
            target.fill(0)
            var output = target.mutable(0)
            for position in 0..<lengths[row] {
                let weight = Lanes(repeating: weights[position])
                let value = values[position]
                sweep(headSize) {
                    output.setLanes(
                        output.lanes(at: $0).addingProduct(value.lanes(at: $0), weight), at: $0)
                } tail: {
                    output.setLanesTail(
                        output.lanesTail(at: $0).addingProduct(value.lanesTail(at: $0), weight),
                        at: $0)
                }
            }
        }
    }
}
