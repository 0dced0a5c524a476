internal import COpenBLAS
public import VaccineNumerics

/// Moments of folds of prompts as flat numbers, [parts, count]: how they cross the boundary and are kept.
public enum FoldStates {
    /// The second moments of an update's rows.
    ///
    /// - Parameters:
    ///   - keys: of each row's prompt.
    ///   - sketch: directions that rows are projected to; 0: none, the moments are of the whole width.
    ///   - seed: of the projection.
    /// - Returns: [foldCount, PairedMoments.stateCount].
    /// - Complexity: O(N·w²) with w the kept width, as matrix products in blocks of 512 rows.
    public static func paired(
        reference: EmbeddingRows, current: EmbeddingRows, keys: [UInt64], foldCount: Int,
        sketch: Int, seed: UInt64, interruption: Interruption
    ) throws(VaccineError) -> [Double] {
        let width = sketch > 0 ? sketch : reference.width
        let projection = sketch > 0 ? projection(reference.width, sketch, seed) : nil
        var members = [[Int]](repeating: [], count: foldCount)
        for (row, key) in keys.enumerated() {
            members[PromptKey(value: key).fold(of: foldCount)].append(row)
        }
        // Blocks have a fixed size, so that results do not depend on the threads.
        let blocks = members.flatMap { rows in
            stride(from: 0, to: rows.count, by: 512).map {
                Array(rows[$0..<min($0 + 512, rows.count)])
            }
        }
        let owners = members.enumerated().flatMap { fold, rows in
            Array(repeating: fold, count: (rows.count + 511) / 512)
        }
        var states = (0..<foldCount).map { _ in PairedMoments(width: width) }
        // As many blocks at a time as there are threads: memory stays bounded.
        let wave = max(1, Threads.count)
        for start in stride(from: 0, to: blocks.count, by: wave) {
            try interruption.check()
            let places = Array(start..<min(start + wave, blocks.count))
            let results = Results<PairedMoments>(count: places.count)
            Threads.forEach(places.count) { index, _ in
                let rows = blocks[places[index]]
                var (x, y) = (reference.matrix(rows), current.matrix(rows))
                if let projection { (x, y) = (product(x, projection), product(y, projection)) }
                results[index] = PairedMoments(x: x, y: y)
            }
            for (index, place) in places.enumerated() {
                if let moments = results[index] { states[owners[place]].merge(moments) }
            }
        }
        return states.flatMap(\.state)
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
        _ merge: (ArraySlice<Double>, ArraySlice<Double>) -> [Double]
    ) -> [Double] {
        precondition(a.count == b.count && a.count % size == 0, "counts differ")
        return stride(from: 0, to: a.count, by: size).flatMap {
            merge(a[$0..<$0 + size], b[$0..<$0 + size])
        }
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
    func matrix(_ indices: [Int]) -> DoubleMatrix {
        var elements = [Double](repeating: 0, count: indices.count * width)
        for (place, row) in indices.enumerated() { read(row, into: &elements, from: place * width) }
        return DoubleMatrix(rows: indices.count, columns: width, elements)
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
