internal import VaccineNumerics

/// Causal softmax attention within each sequence of a packed batch, with grouped keys and values.
///
/// ```
/// P = softmax(causal(Q · Kᵀ / √D)),   context = P · V
/// ```
/// Queries are taken in blocks of 64, so scratch is [64, sequence] and never [T, T]. The logarithm of
/// every softmax denominator is kept, from which the backward pass computes P again.
/// - SeeAlso: Vaswani et al. 2017, arXiv:1706.03762, Eq. 1; Dao et al. 2022, arXiv:2205.14135, for the
///   backward pass from kept denominators; Ainslie et al. 2023, arXiv:2305.13245, for grouped heads.
struct Attention {
    let headCount: Int
    let keyValueHeadCount: Int
    let headSize: Int

    static let queryBlock = 64

    var scale: Float { 1 / Float(headSize).squareRoot() }
    var group: Int { headCount / keyValueHeadCount }

    init(_ configuration: ModelConfiguration) {
        headCount = configuration.headCount
        keyValueHeadCount = configuration.keyValueHeadCount
        headSize = configuration.headSize
    }

    /// The columns of head `head` among queries (or of the context).
    private func query(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }
    private func key(_ head: Int) -> Range<Int> {
        let start = (headCount + head) * headSize
        return start..<start + headSize
    }
    private func value(_ head: Int) -> Range<Int> {
        let start = (headCount + keyValueHeadCount + head) * headSize
        return start..<start + headSize
    }

    /// - Parameters:
    ///   - qkv: after the rotary embedding, shape [T, (H + 2K)·D].
    ///   - offsets: shape [B + 1].
    ///   - logSums: shape [H, T], overwritten.
    ///   - scratch: one matrix for every worker, shape [64, longest sequence].
    ///   - context: shape [T, H·D], overwritten.
    /// - Complexity: 2·D·H·Σ length² operations.
    func forward(
        _ qkv: Matrix, offsets: [Int], logSums: Matrix, scratch: [Matrix],
        interruption: Interruption, into context: Matrix
    ) throws(VaccineError) {
        try forEach(headCount, of: offsets, interruption) { index, worker in
            let (sequence, head) = (index / headCount, index % headCount)
            let rows = offsets[sequence]..<offsets[sequence + 1]
            let keys = qkv.rows(rows).columns(key(head / group))
            let values = qkv.rows(rows).columns(value(head / group))
            let queries = qkv.rows(rows).columns(query(head))
            let output = context.rows(rows).columns(query(head))
            for block in blocks(rows.count) {
                let seen = 0..<block.upperBound
                let p = scratch[worker].reshaped(rows: block.count, columns: seen.count)
                multiply(
                    queries.rows(block), .normal, keys.rows(seen), .transposed, into: p,
                    alpha: scale, parallel: false)
                for row in 0..<block.count {
                    let visible = block.lowerBound + row + 1
                    var weights = p.mutable(row)
                    logSums[head, rows.lowerBound + visible - 1] = softmax(
                        &weights, visible: visible)
                }
                multiply(
                    p, .normal, values.rows(seen), .normal, into: output.rows(block),
                    parallel: false)
            }
        }
    }

    /// The gradient of `forward` with respect to queries, keys and values.
    ///
    /// ```
    /// dP = dO · Vᵀ,  dS = P ⊙ (dP − rowsum(dO ⊙ O)),
    /// dQ = dS · K / √D,  dK = dSᵀ · Q / √D,  dV = Pᵀ · dO
    /// ```
    /// One task is one key/value head of one sequence, so that dK and dV have one writer.
    /// - Parameters:
    ///   - dContext: shape [T, H·D]. `dQKV`: shape [T, (H + 2K)·D], overwritten.
    ///   - scratch, second: one matrix for every worker each, shape [64, longest sequence].
    func backward(
        _ qkv: Matrix, context: Matrix, offsets: [Int], logSums: Matrix, dContext: Matrix,
        scratch: [Matrix], second: [Matrix], interruption: Interruption, into dQKV: Matrix
    ) throws(VaccineError) {
        try forEach(keyValueHeadCount, of: offsets, interruption) { index, worker in
            let (sequence, head) = (index / keyValueHeadCount, index % keyValueHeadCount)
            let rows = offsets[sequence]..<offsets[sequence + 1]
            let (qkv, dQKV) = (qkv.rows(rows), dQKV.rows(rows))
            let (keys, values) = (qkv.columns(key(head)), qkv.columns(value(head)))
            let (dKeys, dValues) = (dQKV.columns(key(head)), dQKV.columns(value(head)))
            dKeys.fill(0)
            dValues.fill(0)
            for queryHead in head * group..<(head + 1) * group {
                let queries = qkv.columns(query(queryHead))
                let output = context.rows(rows).columns(query(queryHead))
                let dOutput = dContext.rows(rows).columns(query(queryHead))
                for block in blocks(rows.count) {
                    let seen = 0..<block.upperBound
                    let p = scratch[worker].reshaped(rows: block.count, columns: seen.count)
                    let dS = second[worker].reshaped(rows: block.count, columns: seen.count)
                    multiply(
                        queries.rows(block), .normal, keys.rows(seen), .transposed, into: p,
                        alpha: scale, parallel: false)
                    multiply(
                        dOutput.rows(block), .normal, values.rows(seen), .transposed, into: dS,
                        parallel: false)
                    for row in 0..<block.count {
                        let position = block.lowerBound + row
                        var weights = p.mutable(row)
                        var gradient = dS.mutable(row)
                        softmaxBackward(
                            &weights, &gradient, visible: position + 1,
                            logSum: logSums[queryHead, rows.lowerBound + position],
                            along: dot(output[position], dOutput[position]))
                    }
                    multiply(
                        p, .transposed, dOutput.rows(block), .normal, into: dValues.rows(seen),
                        beta: 1, parallel: false)
                    multiply(
                        dS, .normal, keys.rows(seen), .normal,
                        into: dQKV.rows(block).columns(query(queryHead)), alpha: scale,
                        parallel: false)
                    multiply(
                        dS, .transposed, queries.rows(block), .normal, into: dKeys.rows(seen),
                        alpha: scale, beta: 1, parallel: false)
                }
            }
        }
    }

    /// Calls `body` for each of `heads` heads of every sequence, numbered sequence by sequence; between
    /// blocks of them the caller may stop it.
    private func forEach(
        _ heads: Int, of offsets: [Int], _ interruption: Interruption,
        _ body: @Sendable (_ index: Int, _ worker: Int) -> Void
    ) throws(VaccineError) {
        let longest = zip(offsets, offsets.dropFirst()).lazy.map { $1 - $0 }.max() ?? 0
        let work = 4 * longest * longest * headSize * headCount / heads
        for block in Blocks(of: heads * (offsets.count - 1), work: work) {
            try interruption.check()
            Threads.forEach(block.count) { index, worker in body(block.lowerBound + index, worker) }
        }
    }

    func blocks(_ length: Int) -> Blocks { Blocks(of: length, size: Attention.queryBlock) }
}

/// Softmax over the first `visible` scores of a row; the rest become 0.
///
/// - Returns: log Σ exp(score), from which the row can be had again.
func softmax(_ row: inout MutableSpan<Float>, visible: Int) -> Float {
    let maximum = largest(row.span, among: visible)
    exponentiate(&row, visible: visible, minus: maximum)
    var sum: Float = 0
    for index in 0..<visible { sum += row[index] }
    let inverse = 1 / sum
    for index in 0..<visible { row[index] *= inverse }
    return maximum + logarithm(sum)
}

/// Turns a row of scores into P and a row of dP into dS.
private func softmaxBackward(
    _ row: inout MutableSpan<Float>, _ gradient: inout MutableSpan<Float>, visible: Int,
    logSum: Float, along: Float
) {
    exponentiate(&row, visible: visible, minus: logSum)
    for index in row.indices { gradient[index] = row[index] * (gradient[index] - along) }
}

/// row = exp(row − shift) in the first `visible` places, 0 in the others.
private func exponentiate(_ row: inout MutableSpan<Float>, visible: Int, minus shift: Float) {
    sweep(row.count) {
        row.setLanes((row.lanes(at: $0) - shift).exponential(), at: $0)
    } tail: {
        row.setLanesTail((row.lanesTail(at: $0) - shift).exponential(), at: $0)
    }
    for index in visible..<row.count { row[index] = 0 }
}
