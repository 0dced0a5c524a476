public import VaccineNumerics

/// Moments of folds of prompts as flat numbers, [parts, count]: how they cross the boundary and are kept.
public enum FoldStates {
    /// Rows that are in double precision at a time: fixed, so that results do not depend on the threads.
    private static let block = 2048

    /// The second moments of an update's rows.
    ///
    /// - Parameters:
    ///   - keys: of each row's prompt.
    ///   - sketch: directions that rows are projected to; 0: none, the moments are of the whole width.
    ///   - seed: of the projection.
    ///   - states: [foldCount, PairedMoments.stateCount], overwritten.
    /// - Complexity: 4·N·w² operations with w the kept width, in blocks of 2048 rows.
    /// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`; what `states` holds is
    ///   then of no use.
    public static func paired(
        reference: EmbeddingRows, current: EmbeddingRows, keys: [UInt64], foldCount: Int,
        sketch: Int, seed: UInt64, into states: UnsafeMutablePointer<Double>,
        interruption: Interruption
    ) throws(VaccineError) {
        let width = sketch > 0 ? sketch : reference.width
        let projection = sketch > 0 ? projection(reference.width, sketch, seed) : nil
        var members = [[Int]](repeating: [], count: foldCount)
        for (row, key) in keys.enumerated() {
            members[PromptKey(value: key).fold(of: foldCount)].append(row)
        }
        let longest = min(block, members.map(\.count).max() ?? 0)
        let (x, y) = (
            RowBlock(rows: longest, columns: width), RowBlock(rows: longest, columns: width)
        )
        var done = 0
        for (fold, rows) in members.enumerated() {
            let own = interruption.part(done..<done + rows.count, of: keys.count)
            let (means, products) = (own.part(0, of: 16), own.part(1..<16, of: 16))
            done += rows.count
            let place = unsafe states + fold * PairedMoments.stateCount(width: width)
            let state = unsafe PairedState(base: place, width: width)
            guard !rows.isEmpty else {
                state.clear()
                continue
            }
            let (left, right) = (
                try CentredRows(reference, meanOf: rows, interruption: means.part(0, of: 2)),
                try CentredRows(current, meanOf: rows, interruption: means.part(1, of: 2))
            )
            guard left.isFinite && right.isFinite else {
                try reference.checkFinite("reference")
                try current.checkFinite("current")
                throw .value("reference and current are too large: sums overflow")
            }
            var sums = RowSums(width: width)
            for start in stride(from: 0, to: rows.count, by: block) {
                let range = start..<min(start + block, rows.count)
                let part = Array(rows[range])
                let told = products.part(range, of: rows.count)
                try told.check(0)
                for band in fill(x, y, part, left, right, times: projection) { sums.add(band) }
                try state.addProducts(
                    x, y, rows: part.count, add: start > 0, interruption: told)
            }
            state.mirror()
            state.set(
                sums, meanX: left.mean(times: projection), meanY: right.mean(times: projection))
        }
    }

    /// The second moments of two sets of rows that are not paired, as one fold: what needs no products of x
    /// with y can be evaluated. y's scatter is brought to x's count, so that covariances are each side's own.
    ///
    /// - Parameters:
    ///   - y: nil: x's side alone.
    ///   - state: [PairedMoments.stateCount], overwritten.
    /// - Complexity: (N + M)·w² operations.
    /// - Throws: as `paired`.
    public static func unpaired(
        _ x: EmbeddingRows, _ y: EmbeddingRows?, into state: UnsafeMutablePointer<Double>,
        interruption: Interruption
    ) throws(VaccineError) {
        let width = x.width
        let state = unsafe PairedState(base: state, width: width)
        state.clear()
        let all = x.rows + (y?.rows ?? 0)
        let meanX = try addScatter(
            of: x, "x", .xx, to: state, interruption.part(0..<x.rows, of: all))
        var meanY = [Double](repeating: 0, count: width)
        if let y {
            meanY = try addScatter(
                of: y, "y", .yy, to: state, interruption.part(x.rows..<all, of: all))
            state.scale(.yy, by: Double(x.rows - 1) / Double(max(1, y.rows - 1)))
        }
        state.mirror()
        var sums = RowSums(width: width)
        sums.count = Double(x.rows)
        state.set(sums, meanX: meanX, meanY: meanY)
    }

    /// Adds one side's product; returns its mean.
    private static func addScatter(
        of rows: EmbeddingRows, _ name: String, _ product: PairedState.Product,
        to state: PairedState, _ interruption: Interruption
    ) throws(VaccineError) -> [Double] {
        let all = Array(0..<rows.rows)
        let centred = try CentredRows(
            rows, meanOf: all, interruption: interruption.part(0, of: 16))
        guard centred.isFinite else {
            try rows.checkFinite(name)
            throw .value("\(name) must be smaller: sums overflow")
        }
        let values = RowBlock(rows: min(block, rows.rows), columns: rows.width)
        for part in Blocks(of: rows.rows, size: block) {
            let told = interruption.part(1..<16, of: 16).part(part, of: rows.rows)
            try told.check(0)
            let bands = rowBands(part.count)
            Threads.forEach(bands.count) { index, _ in
                let band = bands[index]
                let own = band.lowerBound + part.lowerBound..<band.upperBound + part.lowerBound
                let found = centred.values(all[own], times: nil)
                for (place, row) in band.enumerated() {
                    values.setRow(row, found, from: place * rows.width)
                }
            }
            try state.addProducts(
                values, values, rows: part.count, add: part.lowerBound > 0, of: [product],
                interruption: told)
        }
        return centred.mean(times: nil)
    }

    /// Fills blocks with rows, centred and projected; returns the sums of bands of rows.
    private static func fill(
        _ x: RowBlock, _ y: RowBlock, _ rows: [Int], _ reference: CentredRows,
        _ current: CentredRows, times projection: DoubleMatrix?
    ) -> [RowSums] {
        let bands = rowBands(rows.count)
        let parts = Results<RowSums>(count: bands.count)
        Threads.forEach(bands.count) { index, _ in
            let band = bands[index]
            let left = reference.values(rows[band], times: projection)
            let right = current.values(rows[band], times: projection)
            var sums = RowSums(width: x.columns)
            for (place, row) in band.enumerated() {
                x.setRow(row, left, from: place * x.columns)
                y.setRow(row, right, from: place * x.columns)
                sums.add(left, right, from: place * x.columns)
            }
            parts[index] = sums
        }
        return bands.indices.compactMap { parts[$0] }
    }

    /// Merges second moments of the same folds in place.
    public static func mergePaired(_ a: [Double], _ b: [Double], width: Int) -> [Double] {
        merged(a, b, size: PairedMoments.stateCount(width: width)) {
            var moments = PairedMoments(state: $0, width: width)
            moments.merge(PairedMoments(state: $1, width: width))
            return moments.state
        }
    }

    /// Merges first moments of the same folds.
    public static func mergeVector(_ a: [Double], _ b: [Double], width: Int) -> [Double] {
        merged(a, b, size: VectorMoments.stateCount(width: width)) {
            var moments = VectorMoments(state: $0, width: width)
            moments.merge(VectorMoments(state: $1, width: width))
            return moments.state
        }
    }

    /// Numbers of one state.
    public static func pairedCount(width: Int) -> Int { PairedMoments.stateCount(width: width) }
    public static func vectorCount(width: Int) -> Int { VectorMoments.stateCount(width: width) }

    /// Folds that have rows.
    ///
    /// - Throws: `VaccineError.value` for states whose counts are not those of rows.
    public static func used(_ states: [Double], size: Int) throws(VaccineError) -> Int {
        var used = 0
        for start in stride(from: 0, to: states.count, by: size) {
            let count = states[start]
            guard count >= 0, count <= 0x1p53, count == count.rounded() else {
                throw .value("states must hold counts of rows from 0 to 2^53, got \(count)")
            }
            used += count > 0 ? 1 : 0
        }
        return used
    }

    private static func merged(
        _ a: [Double], _ b: [Double], size: Int,
        _ merge: @Sendable (ArraySlice<Double>, ArraySlice<Double>) -> [Double]
    ) -> [Double] {
        precondition(a.count == b.count && a.count % size == 0, "counts differ")
        let parts = Results<[Double]>(count: a.count / size)
        Threads.forEach(a.count / size) { index, _ in
            let range = index * size..<(index + 1) * size
            parts[index] = merge(a[range], b[range])
        }
        return (0..<a.count / size).flatMap { parts[$0] ?? [] }
    }

    /// A seeded projection [width, sketch] of signs ± 1/√sketch: E (Px)·(Py) = x·y.
    private static func projection(_ width: Int, _ sketch: Int, _ seed: UInt64) -> DoubleMatrix {
        let stream = RandomStream(seed, 0x7072_6F6A)
        let scale = 1 / Double(sketch).squareRoot()
        return DoubleMatrix(
            rows: width, columns: sketch,
            (0..<width * sketch).map {
                stream.word(at: $0 / 64) >> UInt64($0 % 64) & 1 == 0 ? scale : -scale
            })
    }
}
