internal import VaccineNumerics

extension Attention {
    /// Appends keys and values of whole sequences, or of parts of them, to what a cache has of them.
    ///
    /// - Parameter qkv: shape [T, (H + 2K)·D], the rows of the pass.
    func keep(_ qkv: Matrix, in cache: CachedLayer) {
        Threads.forEach(cache.sequenceCount * keyValueHeadCount) { index, _ in
            let (sequence, head) = index.quotientAndRemainder(dividingBy: keyValueHeadCount)
            cache.append(
                qkv.columns(key(head)), qkv.columns(value(head)), to: sequence, head: head)
        }
    }

    /// Appends the key and the value of one new token of each sequence, and attends from it to what it sees, itself
    /// included.
    ///
    /// - Parameters:
    ///   - qkv: shape [B, (H + 2K)·D].
    ///   - scratch: one matrix for every worker, shape [64, ≥ longest length].
    ///   - context: shape [B, H·D], overwritten.
    /// - Complexity: 4·D·H·Σ length operations; a key or value is read once for all heads of its group.
    func advance(
        _ qkv: Matrix, in cache: CachedLayer, scratch: [Matrix], into context: Matrix
    ) {
        let width = group * headSize
        Threads.forEachNear(cache.sequenceCount * keyValueHeadCount) { index, worker in
            let (row, head) = index.quotientAndRemainder(dividingBy: keyValueHeadCount)
            let (keys, values) = cache.append(
                qkv.columns(key(head)), qkv.columns(value(head)), to: row, head: head)
            let seen = max(0, keys.rows - window)..<keys.rows
            let next = cache.keys(
                of: (index + 1) / keyValueHeadCount, head: (index + 1) % keyValueHeadCount)
            let columns = head * width..<(head + 1) * width
            let heads = { (matrix: Matrix) in
                matrix.columns(columns).rows(row..<row + 1).reshaped(
                    rows: group, columns: headSize)
            }
            for block in Blocks(of: group, size: Attention.queryBlock) {
                let scores = scratch[worker].reshaped(rows: block.count, columns: seen.count)
                cachedScores(
                    heads(qkv).rows(block), keys: keys.rows(seen), next: values.rows(seen),
                    into: scores)
                for head in 0..<block.count {
                    var weights = scores.mutable(head)
                    _ = probabilities(&weights, visible: seen.count)
                }
                cachedContext(
                    scores, values: values.rows(seen), next: next,
                    into: heads(context).rows(block))
            }
        }
    }
}
