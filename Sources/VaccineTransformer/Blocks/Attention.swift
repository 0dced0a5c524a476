internal import VaccineNumerics

/// Causal softmax attention within each sequence of a packed batch, with grouped keys and values.
///
/// ```
/// P = softmax(causal(cap(scale · Q · Kᵀ))),   context = P · V
/// ```
/// The scale is 1 / √D and there is no cap in most models. With a window of w, a position sees itself and the w − 1 before it.
/// Queries are taken in blocks of 64, so scratch is [64, sequence] and never [T, T]. The logarithm of
/// every softmax denominator is kept, from which the backward pass computes P again.
/// - SeeAlso: Vaswani et al. 2017, arXiv:1706.03762, Eq. 1; Dao et al. 2022, arXiv:2205.14135, for the
///   backward pass from kept denominators; Ainslie et al. 2023, arXiv:2305.13245, for grouped heads.
struct Attention {
    let headCount: Int
    let keyValueHeadCount: Int
    let headSize: Int
    /// Positions that one sees, itself included.
    let window: Int
    /// Multiplies the scores.
    let scale: Float
    /// Of the scores; nil: none.
    let cap: SoftCap?

    static let queryBlock = 64

    var group: Int { headCount / keyValueHeadCount }

    /// - Parameter layer: whose window it has.
    init(_ settings: AttentionSettings, layer: Int = 0) {
        headCount = settings.headCount
        keyValueHeadCount = settings.keyValueHeadCount
        headSize = settings.headSize
        window = settings.window(ofLayer: layer)
        scale = settings.scale
        cap = settings.cap
    }

    /// The positions that one sees.
    private func seen(from position: Int) -> Range<Int> {
        max(0, position + 1 - window)..<position + 1
    }

    /// All that the positions of a block see, and what those of the whole block see that it is a part of: sums over
    /// it have the same order wherever a sequence is parted.
    private func seen(by block: Range<Int>) -> Range<Int> {
        let first = block.lowerBound / Attention.queryBlock * Attention.queryBlock
        return seen(from: first).lowerBound..<block.upperBound
    }

    /// The columns of head `head` among queries (or of the context).
    private func query(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }
    func key(_ head: Int) -> Range<Int> {
        let start = (headCount + head) * headSize
        return start..<start + headSize
    }
    func value(_ head: Int) -> Range<Int> {
        let start = (headCount + keyValueHeadCount + head) * headSize
        return start..<start + headSize
    }

    /// - Parameters:
    ///   - qkv: after the rotary embedding, shape [T, (H + 2K)·D].
    ///   - offsets: shape [B + 1].
    ///   - prefixes: for each sequence the rows of what comes before its first; empty: each begins by itself.
    ///   - logSums: shape [H, T], overwritten.
    ///   - scratch: one matrix for every worker, shape [64, longest sequence].
    ///   - joined: for every worker, where there are prefixes.
    ///   - rounded: of the shape of `qkv` in the products' precision, overwritten; nil: float32.
    ///   - context: shape [T, H·D], overwritten.
    /// - Complexity: 2·D·H·Σ length² operations.
    func forward(
        _ qkv: Matrix, offsets: [Int], prefixes: [[Range<Int>]] = [], logSums: Matrix,
        scratch: [Matrix], joined: [JoinedRows] = [], rounded: Weight?,
        interruption: Interruption, into context: Matrix
    ) throws(VaccineError) {
        try forEach(offsets, interruption) { sequence, rows, head, worker in
            let prefix = prefixes.isEmpty ? [] : prefixes[sequence]
            let start = prefix.reduce(0) { $0 + $1.count }
            let rooms = prefix.isEmpty ? nil : joined[worker]
            let right = { (columns: Range<Int>, memory: Weight?) in
                memory?.join(prefix + [rows], of: qkv.columns(columns))
                    ?? weight(qkv.rows(rows).columns(columns), rounded?.rows(rows).columns(columns))
            }
            let keys = right(key(head), rooms?.keys)
            let values = right(value(head), rooms?.values)
            for queryHead in head * group..<(head + 1) * group {
                let queries = qkv.rows(rows).columns(query(queryHead))
                let output = context.rows(rows).columns(query(queryHead))
                for block in Blocks(of: start..<start + rows.count, size: Attention.queryBlock) {
                    let (seen, own) = (seen(by: block), block.moved(by: -start))
                    let p = scratch[worker].reshaped(rows: block.count, columns: seen.count)
                    multiply(
                        queries.rows(own), transposing: keys.rows(seen), into: p,
                        parallel: false)
                    for (row, position) in block.enumerated() {
                        let visible = self.seen(from: position)
                        let scores = p.hiding(visible.lowerBound - seen.lowerBound, of: row)
                        var weights = scores.mutable(row)
                        logSums[queryHead, rows.lowerBound + position - start] = probabilities(
                            &weights, visible: visible.count)
                    }
                    multiply(
                        p, by: values.rows(seen), into: output.rows(own), parallel: false)
                }
            }
        }
    }

    /// The gradient of `forward` with respect to queries, keys and values.
    ///
    /// ```
    /// dP = dO · Vᵀ,  dS = scale · cap′(scale · S) ⊙ P ⊙ (dP − rowsum(P ⊙ dP)),
    /// dQ = dS · K,  dK = dSᵀ · Q,  dV = Pᵀ · dO
    /// ```
    /// - Parameters:
    ///   - dContext: shape [T, H·D]. `dQKV`: shape [T, (H + 2K)·D], overwritten.
    ///   - scratch, second: one matrix for every worker each, shape [64, longest sequence].
    ///   - rounded, roundedGradient: of the shapes of `qkv` and `dContext` in the products' precision,
    ///     overwritten; nil: float32.
    func backward(
        _ qkv: Matrix, offsets: [Int], logSums: Matrix, dContext: Matrix, scratch: [Matrix],
        second: [Matrix], rounded: Weight?, roundedGradient: Weight?,
        interruption: Interruption, into dQKV: Matrix
    ) throws(VaccineError) {
        try forEach(offsets, interruption) { _, rows, head, worker in
            let (qkv, dQKV) = (qkv.rows(rows), dQKV.rows(rows))
            let right = { (columns: Range<Int>) in
                weight(qkv.columns(columns), rounded?.rows(rows).columns(columns))
            }
            let (keys, values) = (right(key(head)), right(value(head)))
            let (dKeys, dValues) = (dQKV.columns(key(head)), dQKV.columns(value(head)))
            dKeys.fill(0)
            dValues.fill(0)
            for queryHead in head * group..<(head + 1) * group {
                let columns = query(queryHead)
                let (queries, rightQueries) = (qkv.columns(columns), right(columns))
                let dOutput = dContext.rows(rows).columns(columns)
                let rightGradient = weight(dOutput, roundedGradient?.rows(rows).columns(columns))
                for block in blocks(rows.count) {
                    let seen = seen(by: block)
                    let p = scratch[worker].reshaped(rows: block.count, columns: seen.count)
                    let dS = second[worker].reshaped(rows: block.count, columns: seen.count)
                    multiply(
                        queries.rows(block), transposing: keys.rows(seen), into: p,
                        parallel: false)
                    multiply(
                        dOutput.rows(block), transposing: values.rows(seen), into: dS,
                        parallel: false)
                    for (row, position) in block.enumerated() {
                        let own = self.seen(from: position)
                        let hidden = own.lowerBound - seen.lowerBound
                        let visible = p.hiding(hidden, of: row)
                        let visibleGradient = dS.hiding(hidden, of: row)
                        var weights = visible.mutable(row)
                        var gradient = visibleGradient.mutable(row)
                        scoreGradient(
                            &weights, &gradient, visible: own.count,
                            logSum: logSums[queryHead, rows.lowerBound + position])
                    }
                    multiply(
                        transposed: p, by: rightGradient.rows(block),
                        addingTo: dValues.rows(seen))
                    multiply(
                        dS, by: keys.rows(seen), into: dQKV.rows(block).columns(columns),
                        parallel: false)
                    multiply(
                        transposed: dS, by: rightQueries.rows(block), addingTo: dKeys.rows(seen))
                }
            }
        }
    }

    /// Softmax over the first `visible` of a row of scores; the rest become 0.
    ///
    /// - Returns: as `softmax`.
    func probabilities(_ row: inout MutableSpan<Float>, visible: Int) -> Float {
        guard let cap else { return softmax(&row, visible: visible, scale: scale) }
        cap.apply(to: &row, scale: scale)
        return softmax(&row, visible: visible, scale: 1)
    }

    /// Turns a row of scores into P and a row of dP into dS.
    private func scoreGradient(
        _ row: inout MutableSpan<Float>, _ gradient: inout MutableSpan<Float>, visible: Int,
        logSum: Float
    ) {
        guard let cap else {
            return softmaxBackward(
                &row, &gradient, visible: visible, scale: scale, logSum: logSum)
        }
        cap.apply(to: &row, scale: scale)
        cappedSoftmaxBackward(
            &row, &gradient, visible: visible, cap, scale: scale, logSum: logSum)
    }

    /// Calls `body` for each key/value head of every sequence, so that dK and dV have one writer; between
    /// blocks of them the caller may stop it.
    private func forEach(
        _ offsets: [Int], _ interruption: Interruption,
        _ body:
            @Sendable (_ sequence: Int, _ rows: Range<Int>, _ head: Int, _ worker: Int) -> Void
    ) throws(VaccineError) {
        let heads = keyValueHeadCount
        let longest = zip(offsets, offsets.dropFirst()).lazy.map { $1 - $0 }.max() ?? 0
        let work = 4 * longest * longest * headSize * group
        for block in Blocks(of: heads * (offsets.count - 1), work: work) {
            try interruption.check()
            Threads.forEachNear(block.count) { index, worker in
                let (sequence, head) = (block.lowerBound + index).quotientAndRemainder(
                    dividingBy: heads)
                body(sequence, offsets[sequence]..<offsets[sequence + 1], head, worker)
            }
        }
    }

    /// A matrix as a product's right factor: itself, or rounded into `memory`.
    private func weight(_ matrix: Matrix, _ memory: Weight?) -> Weight {
        guard let memory else { return Weight(matrix) }
        memory.write(matrix)
        return memory
    }

    func blocks(_ length: Int) -> Blocks { Blocks(of: length, size: Attention.queryBlock) }
}

/// Keys and values of one head that lie apart, laid end to end as factors of products.
struct JoinedRows {
    let keys: Weight  // [longest, D]
    let values: Weight  // [longest, D]

    init(longest: Int, headSize: Int, _ precision: Precision, in arena: Arena) {
        keys = arena.weight(rows: longest, columns: headSize, precision.ofFactors)
        values = arena.weight(rows: longest, columns: headSize, precision.ofFactors)
    }
}

extension Weight {
    /// Its first rows, overwritten with rows of `matrix`, rounded.
    fileprivate func join(_ ranges: [Range<Int>], of matrix: Matrix) -> Weight {
        var end = 0
        for range in ranges {
            rows(end..<end + range.count).write(matrix.rows(range))
            end += range.count
        }
        return rows(0..<end)
    }
}

extension Range<Int> {
    fileprivate func moved(by distance: Int) -> Range<Int> {
        lowerBound + distance..<upperBound + distance
    }
}

extension Matrix {
    /// All but the first `count` columns, which become 0 in one row.
    fileprivate func hiding(_ count: Int, of row: Int) -> Matrix {
        guard count > 0 else { return self }
        rows(row..<row + 1).columns(0..<count).fill(0)
        return columns(count..<columns)
    }
}

/// Softmax over the first `visible` scores of a row times a positive scale; the rest become 0.
///
/// - Returns: log Σ exp(scale · score), from which the row can be had again.
func softmax(_ row: inout MutableSpan<Float>, visible: Int, scale: Float) -> Float {
    let maximum = scale * largest(row.span, among: visible)
    exponentiate(&row, visible: visible, scale: scale, minus: maximum)
    var sums = Lanes.zero
    sweep(row.count) {
        sums += row.lanes(at: $0)
    } tail: {
        sums += row.lanesTail(at: $0)
    }
    let sum = sums.sum()
    let inverse = 1 / sum
    for index in 0..<visible { row[index] *= inverse }
    return maximum + logarithm(sum)
}

/// Turns a row of scores into P and a row of dP into dS, without a cap. The sum is of the dP that there is: where products
/// round, dS still adds up to 0, which dO ⊙ O would miss by what dP was rounded by.
private func softmaxBackward(
    _ row: inout MutableSpan<Float>, _ gradient: inout MutableSpan<Float>, visible: Int,
    scale: Float, logSum: Float
) {
    exponentiate(&row, visible: visible, scale: scale, minus: logSum)
    let along = dot(row.span, gradient.span)
    for index in row.indices { gradient[index] = row[index] * (gradient[index] - along) * scale }
}

/// As `softmaxBackward`, of scores that were scaled and capped.
private func cappedSoftmaxBackward(
    _ row: inout MutableSpan<Float>, _ gradient: inout MutableSpan<Float>, visible: Int,
    _ cap: SoftCap, scale: Float, logSum: Float
) {
    for index in visible..<row.count { gradient[index] = 0 }
    var sums = Lanes.zero
    sweep(row.count) {
        sums.addProduct((row.lanes(at: $0) - logSum).exponential(), gradient.lanes(at: $0))
    } tail: {
        sums.addProduct((row.lanesTail(at: $0) - logSum).exponential(), gradient.lanesTail(at: $0))
    }
    let along = sums.sum()
    @inline(__always) func turned(_ capped: Lanes, _ dP: Lanes) -> (p: Lanes, dS: Lanes) {
        let p = (capped - logSum).exponential()
        return (p, p * (dP - along) * cap.slope(atOutput: capped) * scale)
    }
    sweep(row.count) {
        let (p, dS) = turned(row.lanes(at: $0), gradient.lanes(at: $0))
        row.setLanes(p, at: $0)
        gradient.setLanes(dS, at: $0)
    } tail: {
        let (p, dS) = turned(row.lanesTail(at: $0), gradient.lanesTail(at: $0))
        row.setLanesTail(p, at: $0)
        gradient.setLanesTail(dS, at: $0)
    }
    for index in visible..<row.count { (row[index], gradient[index]) = (0, 0) }
}

/// row = exp(scale · row − shift) in the first `visible` places, 0 in the others.
private func exponentiate(
    _ row: inout MutableSpan<Float>, visible: Int, scale: Float, minus shift: Float
) {
    sweep(row.count) {
        row.setLanes((row.lanes(at: $0) * scale - shift).exponential(), at: $0)
    } tail: {
        row.setLanesTail((row.lanesTail(at: $0) * scale - shift).exponential(), at: $0)
    }
    for index in visible..<row.count { row[index] = 0 }
}
