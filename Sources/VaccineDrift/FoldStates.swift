internal import COpenBLAS
public import VaccineNumerics

/// Moments of folds of prompts as flat numbers, [parts, count]: how they cross the boundary and are kept.
public enum FoldStates {
    private static let block = 2048

    /// The second moments of an update's rows.
    ///
    /// - Parameters:
    ///   - keys: of each row's prompt.
    ///   - sketch: directions that rows are projected to; 0: none, the moments are of the whole width.
    ///   - seed: of the projection.
    /// - Returns: [foldCount, PairedMoments.stateCount].
    /// - Complexity: O(N·w²) with w the kept width, as matrix products in blocks of 2048 rows.
    public static func paired(
        reference: EmbeddingRows, current: EmbeddingRows, keys: [UInt64], foldCount: Int,
        sketch: Int, seed: UInt64, interruption: Interruption
    ) throws(VaccineError) -> [Double] {
        try reference.checkFinite("reference")
        try current.checkFinite("current")
        let width = sketch > 0 ? sketch : reference.width
        let projection = sketch > 0 ? projection(reference.width, sketch, seed) : nil
        var members = [[Int]](repeating: [], count: foldCount)
        for (row, key) in keys.enumerated() {
            members[PromptKey(value: key).fold(of: foldCount)].append(row)
        }
        var states = (0..<foldCount).map { _ in PairedMoments(width: width) }
        // Blocks have a fixed size, so that results do not depend on the threads and memory is bounded.
        for (fold, rows) in members.enumerated() {
            for start in stride(from: 0, to: rows.count, by: block) {
                try interruption.check()
                let part = Array(rows[start..<min(start + block, rows.count)])
                states[fold].merge(
                    PairedMoments(
                        x: reference.matrix(part, times: projection),
                        y: current.matrix(part, times: projection)))
            }
        }
        var flat: [Double] = []
        flat.reserveCapacity(foldCount * PairedMoments.stateCount(width: width))
        for state in states { state.append(to: &flat) }
        return flat
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

extension EmbeddingRows {
    /// The rows of these indices.
    func matrix(_ indices: [Int]) -> DoubleMatrix { matrix(indices, times: nil) }

    /// The rows of these indices, times a projection if there is one; in parallel.
    func matrix(_ indices: [Int], times projection: DoubleMatrix?) -> DoubleMatrix {
        let band = 64
        let bands = (indices.count + band - 1) / band
        let parts = Results<[Double]>(count: bands)
        Threads.forEach(bands) { index, _ in
            let rows = indices[index * band..<min((index + 1) * band, indices.count)]
            var values = [Double](repeating: 0, count: rows.count * width)
            for (place, row) in rows.enumerated() { read(row, into: &values, from: place * width) }
            guard let projection else {
                parts[index] = values
                return
            }
            let matrix = DoubleMatrix(rows: rows.count, columns: width, values)
            parts[index] = product(matrix, projection).elements
        }
        let columns = projection?.columns ?? width
        var elements: [Double] = []
        elements.reserveCapacity(indices.count * columns)
        for index in 0..<bands { elements += parts[index] ?? [] }
        return DoubleMatrix(rows: indices.count, columns: columns, elements)
    }
}

/// One place for the result of every parallel task; no two threads share one.
@safe final class Results<Value>: @unchecked Sendable {
    private let places: UnsafeMutableBufferPointer<Value?>

    init(count: Int) {
        unsafe places = .allocate(capacity: count)
        unsafe places.initialize(repeating: nil)
    }

    deinit {
        unsafe places.deinitialize()
        unsafe places.deallocate()
    }

    subscript(index: Int) -> Value? {
        get { unsafe places[index] }
        set { unsafe places[index] = newValue }
    }
}
