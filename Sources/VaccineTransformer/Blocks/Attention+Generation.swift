internal import VaccineNumerics

extension Attention {
    var queryWidth: Int { headCount * headSize }

    /// Attention of one new token of each sequence to what it sees of the cached, itself included.
    ///
    /// - Parameters:
    ///   - qkv: shape [B, (H + 2K)·D]; only the queries are read.
    ///   - caches: B of [length, 2·K·D], keys left, values right.
    ///   - scratch: one matrix for every worker, shape [64, ≥ longest length].
    ///   - context: shape [B, H·D], overwritten.
    /// - Complexity: 4·D·H·Σ length operations; a key or value is read once for all heads of its group.
    func advance(_ qkv: Matrix, caches: [Matrix], scratch: [Matrix], into context: Matrix) {
        let width = group * headSize
        Threads.forEach(caches.count * keyValueHeadCount) { index, worker in
            let (row, head) = (index / keyValueHeadCount, index % keyValueHeadCount)
            let cached = caches[row]
            let seen = cached.rows(max(0, cached.rows - window)..<cached.rows)
            let keys = seen.columns(head * headSize..<(head + 1) * headSize)
            let values = seen.columns(
                (keyValueHeadCount + head) * headSize..<(keyValueHeadCount + head + 1) * headSize)
            let columns = head * width..<(head + 1) * width
            let heads = { (matrix: Matrix) in
                matrix.columns(columns).rows(row..<row + 1).reshaped(
                    rows: group, columns: headSize)
            }
            heads(context).fill(0)
            for block in blocks(group) {
                let scores = scratch[worker].reshaped(rows: block.count, columns: seen.rows)
                project(heads(qkv).rows(block), onto: keys, scale: 1, into: scores)
                for head in 0..<block.count {
                    var weights = scores.mutable(head)
                    _ = probabilities(&weights, visible: seen.rows)
                }
                expand(scores, over: values, addingTo: heads(context).rows(block))
            }
        }
    }
}
