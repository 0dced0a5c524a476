public import VaccineNumerics

/// What one layer of one update adds, in the caller's memory: a row of sums for every prompt, a sketch of
/// its mean states, and the first and diagonal second moments of every fold.
///
/// A prompt's sums and sketch depend on its own rows alone, taken in order, so a table put together from
/// shards is the whole's to the last bit.
@safe public struct PromptTable: @unchecked Sendable {
    /// Numbers of a prompt's sums in one layer.
    public static let sumCount = PromptSums.count

    private let sums: UnsafeMutablePointer<Double>
    private let sketches: UnsafeMutablePointer<Float>
    private let moments: UnsafeMutablePointer<Double>
    private let directions: Int
    private let folds: Int

    /// A view of memory that outlives it and is overwritten.
    ///
    /// - Parameters:
    ///   - sums: shape [prompts, sumCount].
    ///   - sketches: shape [prompts, 2, directions]: the prompt's mean x and mean δ, sketched.
    ///   - moments: shape [folds, VectorMoments.stateCount].
    ///   - directions: components of a sketch, a multiple of 8.
    public init(
        sums: UnsafeMutablePointer<Double>, sketches: UnsafeMutablePointer<Float>,
        moments: UnsafeMutablePointer<Double>, directions: Int, folds: Int
    ) {
        unsafe (self.sums, self.sketches, self.moments) = unsafe (sums, sketches, moments)
        (self.directions, self.folds) = (directions, folds)
    }

    /// - Parameters:
    ///   - order: the rows, those of each prompt together.
    ///   - starts: where each prompt begins in `order`; [prompts + 1].
    ///   - keys: one per prompt.
    ///   - seed: of the sketch's signs.
    /// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`; what the memory holds
    ///   is then of no use.
    public func fill(
        reference: EmbeddingRows, current: EmbeddingRows, order: [Int], starts: [Int],
        keys: [UInt64], seed: UInt64, interruption: Interruption
    ) throws(VaccineError) {
        precondition(
            reference.rows == current.rows && reference.width == current.width
                && order.count == reference.rows && starts.count == keys.count + 1,
            "shapes differ")
        let width = reference.width
        let signs = columnSigns(width: width, seed: seed)
        let bands = PromptTable.bands(starts: starts, keys: keys, folds: folds)
        let parts = Results<VectorMoments>(count: bands.count)
        @Sendable func fill(_ index: Int) {
            var band = FoldBand(reference, current, directions: directions, signs: signs)
            let prompts = bands[index].prompts
            var rows = prompts.flatMap { order[starts[$0]..<starts[$0 + 1]] }[...]
            for prompt in prompts {
                let count = starts[prompt + 1] - starts[prompt]
                unsafe band.add(
                    count, of: rows, sums: sums + prompt * PromptTable.sumCount,
                    sketches: sketches + prompt * 2 * directions)
                rows.removeFirst(count)
            }
            parts[index] = band.moments(width: width)
        }
        for wave in Blocks(of: bands.count, size: Threads.wave(of: 512 * width)) {
            try interruption.check(wave.lowerBound, of: bands.count)
            Threads.forEach(wave.count) { index, _ in fill(wave.lowerBound + index) }
        }
        try interruption.check(1)
        let sumsAreFinite = (0..<keys.count * PromptTable.sumCount).allSatisfy {
            unsafe sums[$0].isFinite
        }
        guard sumsAreFinite else {
            try reference.checkFinite("reference")
            try current.checkFinite("current")
            throw .value("reference and current are too large: sums of squares overflow")
        }
        let places = Dictionary(grouping: bands.indices) { bands[$0].fold }
        Threads.forEach(folds) { fold, _ in
            var state = VectorMoments(width: width)
            for case let part? in places[fold, default: []].map({ parts[$0] }) { state.merge(part) }
            unsafe state.write(to: moments + fold * VectorMoments.stateCount(width: width))
        }
    }

    /// The prompts of each fold in their order, cut where 512 rows are reached: as many tasks as data, so that
    /// results do not depend on the threads.
    private static func bands(
        starts: [Int], keys: [UInt64], folds: Int
    ) -> [(fold: Int, prompts: [Int])] {
        var bands: [(fold: Int, prompts: [Int])] = []
        var open = [Int?](repeating: nil, count: folds)
        var rows: [Int] = []
        for (prompt, key) in keys.enumerated() {
            let fold = PromptKey(value: key).fold(of: folds)
            let band = open[fold] ?? bands.count
            if band == bands.count {
                bands.append((fold, []))
                rows.append(0)
            }
            bands[band].prompts.append(prompt)
            rows[band] += starts[prompt + 1] - starts[prompt]
            open[fold] = rows[band] < 512 ? band : nil
        }
        return bands
    }
}

/// The sign of each column in a sketch, as eights with zeros beyond the width.
func columnSigns(width: Int, seed: UInt64) -> [SIMD8<Double>] {
    let stream = RandomStream(seed, 0x736B_6574_6368)
    var signs = [SIMD8<Double>](repeating: .zero, count: (width + 7) / 8)
    for column in 0..<width {
        signs[column / 8][column % 8] =
            stream.word(at: column / 64) >> UInt64(column % 64) & 1 == 0 ? 1 : -1
    }
    return signs
}

/// The running sums of prompts of one fold.
private struct FoldBand {
    private let reference: EmbeddingRows
    private let current: EmbeddingRows
    private let signs: [SIMD8<Double>]
    /// The first of these rows, from which second moments are taken: no cancellation where a dimension's
    /// mean is far from 0.
    private var shift: [SIMD8<Double>]
    private var sumX: [SIMD8<Double>]
    private var squaresX: [SIMD8<Double>]
    private var sumDelta: [SIMD8<Double>]
    private var promptX: [SIMD8<Double>]
    private var promptDelta: [SIMD8<Double>]
    private var sketch: [SIMD8<Double>]
    private var rows = 0.0
    private var squaredDistance = 0.0

    init(
        _ reference: EmbeddingRows, _ current: EmbeddingRows, directions: Int,
        signs: [SIMD8<Double>]
    ) {
        self.reference = reference
        self.current = current
        self.signs = signs
        let zeros = [SIMD8<Double>](repeating: .zero, count: signs.count)
        (shift, sumX, squaresX, sumDelta) = (zeros, zeros, zeros, zeros)
        (promptX, promptDelta) = (zeros, zeros)
        sketch = [SIMD8<Double>](repeating: .zero, count: directions / 8)
    }

    /// Adds a prompt of the first `count` rows, and writes its sums and sketches.
    mutating func add(
        _ count: Int, of order: ArraySlice<Int>, sums: UnsafeMutablePointer<Double>,
        sketches: UnsafeMutablePointer<Float>
    ) {
        guard let first = order.first else { return }
        if rows == 0 { reference.read(first, into: &shift) }
        unsafe sums.update(repeating: 0, count: PromptTable.sumCount)
        unsafe reference.addRows(
            count, of: order, with: current, shift: shift, x: &promptX, delta: &promptDelta,
            squares: &squaresX, sums: sums)
        rows += Double(count)
        unsafe squaredDistance += sums[1]
        spread(&promptX, to: &sumX, sketch: &sketch, signs)
        unsafe write(sketches, count)
        spread(&promptDelta, to: &sumDelta, sketch: &sketch, signs)
        unsafe write(sketches + 8 * sketch.count, count)
    }

    /// Writes the sketch of a mean of `count` rows.
    private func write(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
        let bytes = UnsafeMutableRawPointer(target)
        let size = MemoryLayout<SIMD8<Float>>.size
        for component in sketch.indices {
            unsafe bytes.storeBytes(
                of: SIMD8<Float>(sketch[component] / Double(count)), toByteOffset: component * size,
                as: SIMD8<Float>.self)
        }
    }

    func moments(width: Int) -> VectorMoments {
        var moments = VectorMoments(width: width)
        guard rows > 0 else { return moments }
        moments.count = rows
        moments.squaredDistance = squaredDistance
        for block in sumX.indices {
            let mean = sumX[block] / rows
            let step = mean - shift[block]
            let squares = squaresX[block] - rows * step * step
            let meanDelta = sumDelta[block] / rows
            for column in 8 * block..<min(8 * block + 8, width) {
                moments.mean[column] = mean[column % 8]
                moments.squares[column] = max(0, squares[column % 8])
                moments.meanDelta[column] = meanDelta[column % 8]
            }
        }
        return moments
    }
}

/// Adds a prompt's columns to a sum, sketches them, and leaves them 0.
private func spread(
    _ columns: inout [SIMD8<Double>], to sum: inout [SIMD8<Double>],
    sketch: inout [SIMD8<Double>], _ signs: [SIMD8<Double>]
) {
    var columns = columns.mutableSpan
    var sum = sum.mutableSpan
    let signs = signs.span
    for component in sketch.indices {
        var eight = SIMD8<Double>.zero
        for block in stride(from: component, to: columns.count, by: sketch.count) {
            sum[block] += columns[block]
            eight += signs[block] * columns[block]
            columns[block] = .zero
        }
        sketch[component] = eight
    }
}
