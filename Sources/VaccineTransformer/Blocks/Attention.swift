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
        try forEach(offsets, prefixes, interruption) { sequence, head, worker in
            let (rows, start) = (sequence.rows, sequence.start)
            let rooms = sequence.prefix.isEmpty ? nil : joined[worker]
            let keys = factor(key(head), of: qkv, sequence, joined: rooms?.keys, rounded)
            let values = factor(value(head), of: qkv, sequence, joined: rooms?.values, rounded)
            for queryHead in head * group..<(head + 1) * group {
                let queries = qkv.rows(rows).columns(query(queryHead))
                let output = context.rows(rows).columns(query(queryHead))
                for block in Blocks(of: sequence.positions, size: Attention.queryBlock) {
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
    /// Keys and values that several sequences go on from have the sum over these.
    /// - Parameters:
    ///   - dContext: shape [T, H·D]. `dQKV`: shape [T, (H + 2K)·D], overwritten.
    ///   - scratch, second: one matrix for every worker each, shape [64, longest sequence].
    ///   - joined: for every worker, with gradients, where there are prefixes.
    ///   - dPrefixes: shape [rows of all prefixes, 2K·D] at least, overwritten; nil: there are none.
    ///   - rounded, roundedGradient: of the shapes of `qkv` and `dContext` in the products' precision,
    ///     overwritten; nil: float32.
    func backward(
        _ qkv: Matrix, offsets: [Int], prefixes: [[Range<Int>]] = [], logSums: Matrix,
        dContext: Matrix, scratch: [Matrix], second: [Matrix], joined: [JoinedRows] = [],
        dPrefixes: Matrix? = nil, rounded: Weight?, roundedGradient: Weight?,
        interruption: Interruption, into dQKV: Matrix
    ) throws(VaccineError) {
        try forEach(offsets, prefixes, interruption) { sequence, head, worker in
            let (rows, start) = (sequence.rows, sequence.start)
            let rooms = sequence.prefix.isEmpty ? nil : joined[worker]
            let keys = factor(key(head), of: qkv, sequence, joined: rooms?.keys, rounded)
            let values = factor(value(head), of: qkv, sequence, joined: rooms?.values, rounded)
            let (queryRows, dQKV) = (qkv.rows(rows), dQKV.rows(rows))
            let seenRows = 0..<sequence.positions.upperBound
            let dKeys = rooms?.dKeys?.rows(seenRows) ?? dQKV.columns(key(head))
            let dValues = rooms?.dValues?.rows(seenRows) ?? dQKV.columns(value(head))
            dKeys.fill(0)
            dValues.fill(0)
            for queryHead in head * group..<(head + 1) * group {
                let columns = query(queryHead)
                let queries = queryRows.columns(columns)
                let rightQueries = weight(queries, rounded?.rows(rows).columns(columns))
                let dOutput = dContext.rows(rows).columns(columns)
                let rightGradient = weight(dOutput, roundedGradient?.rows(rows).columns(columns))
                for block in Blocks(of: sequence.positions, size: Attention.queryBlock) {
                    let (seen, own) = (seen(by: block), block.moved(by: -start))
                    let p = scratch[worker].reshaped(rows: block.count, columns: seen.count)
                    let dS = second[worker].reshaped(rows: block.count, columns: seen.count)
                    multiply(
                        queries.rows(own), transposing: keys.rows(seen), into: p,
                        parallel: false)
                    multiply(
                        dOutput.rows(own), transposing: values.rows(seen), into: dS,
                        parallel: false)
                    for (row, position) in block.enumerated() {
                        let visible = self.seen(from: position)
                        let hidden = visible.lowerBound - seen.lowerBound
                        let scores = p.hiding(hidden, of: row)
                        let visibleGradient = dS.hiding(hidden, of: row)
                        var weights = scores.mutable(row)
                        var gradient = visibleGradient.mutable(row)
                        scoreGradient(
                            &weights, &gradient, visible: visible.count,
                            logSum: logSums[queryHead, rows.lowerBound + position - start])
                    }
                    multiply(
                        transposed: p, by: rightGradient.rows(own),
                        addingTo: dValues.rows(seen))
                    multiply(
                        dS, by: keys.rows(seen), into: dQKV.rows(own).columns(columns),
                        parallel: false)
                    multiply(
                        transposed: dS, by: rightQueries.rows(own), addingTo: dKeys.rows(seen))
                }
            }
            guard rooms != nil, let dPrefix = dPrefixes?.rows(sequence.prefixPlaces) else { return }
            for (gradient, columns) in [(dKeys, key(head)), (dValues, value(head))] {
                dPrefix.columns(columns.moved(by: -headCount * headSize)).copy(
                    from: gradient.rows(0..<start))
                dQKV.columns(columns).copy(from: gradient.rows(sequence.positions))
            }
        }
        if let dPrefixes { add(dPrefixes, of: prefixes, to: dQKV) }
    }

    /// Adds what each sequence hands to the keys and values that it goes on from, one sequence after the other.
    private func add(_ dPrefixes: Matrix, of prefixes: [[Range<Int>]], to dQKV: Matrix) {
        let columns = headCount * headSize..<(headCount + 2 * keyValueHeadCount) * headSize
        var place = 0
        for rows in prefixes.joined() {
            dQKV.rows(rows).columns(columns).add(dPrefixes.rows(place..<place + rows.count))
            place += rows.count
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
        _ offsets: [Int], _ prefixes: [[Range<Int>]], _ interruption: Interruption,
        _ body: @Sendable (_ sequence: SequenceRows, _ head: Int, _ worker: Int) -> Void
    ) throws(VaccineError) {
        let heads = keyValueHeadCount
        let longest = zip(offsets, offsets.dropFirst()).lazy.map { $1 - $0 }.max() ?? 0
        let work = 4 * longest * longest * headSize * group
        for block in Blocks(of: heads * (offsets.count - 1), work: work) {
            try interruption.check()
            Threads.forEachNear(block.count) { index, worker in
                let (sequence, head) = (block.lowerBound + index).quotientAndRemainder(
                    dividingBy: heads)
                body(SequenceRows(sequence, offsets, prefixes), head, worker)
            }
        }
    }

    /// Columns of all that a sequence sees as a product's right factor: where they lie, rounded into their place in
    /// `rounded`, or laid end to end in `joined`.
    private func factor(
        _ columns: Range<Int>, of qkv: Matrix, _ sequence: SequenceRows, joined: Weight?,
        _ rounded: Weight?
    ) -> Weight {
        joined?.join(sequence.prefix + [sequence.rows], of: qkv.columns(columns))
            ?? weight(
                qkv.rows(sequence.rows).columns(columns),
                rounded?.rows(sequence.rows).columns(columns))
    }

    /// A matrix as a product's right factor: itself, or rounded into `memory`.
    private func weight(_ matrix: Matrix, _ memory: Weight?) -> Weight {
        guard let memory else { return Weight(matrix) }
        memory.write(matrix)
        return memory
    }
}

/// A sequence of a batch, and what it goes on from.
private struct SequenceRows {
    let rows: Range<Int>
    /// The rows of what comes before its first; empty: it begins by itself.
    let prefix: [Range<Int>]
    /// The positions of its own rows.
    let positions: Range<Int>
    /// The places of its prefix's rows among those of all sequences.
    let prefixPlaces: Range<Int>

    var start: Int { positions.lowerBound }

    init(_ sequence: Int, _ offsets: [Int], _ prefixes: [[Range<Int>]]) {
        func total(_ ranges: some Sequence<Range<Int>>) -> Int {
            ranges.reduce(0) { $0 + $1.count }
        }
        rows = offsets[sequence]..<offsets[sequence + 1]
        prefix = prefixes.isEmpty ? [] : prefixes[sequence]
        let start = total(prefix)
        positions = start..<start + rows.count
        let before = total(prefixes.prefix(sequence).joined())
        prefixPlaces = before..<before + start
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
