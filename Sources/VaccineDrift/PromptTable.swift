public import VaccineNumerics

/// What one layer of one update adds: a row of sums for every prompt, a sketch of its mean states, and the
/// first and diagonal second moments of every fold.
///
/// A prompt's sums and sketch depend on its own rows alone, taken in order, so a table put together from
/// shards is the whole's to the last bit.
public struct PromptTable {
    /// The sums of a prompt, in order: rows, Σ|δ|², Σ|x|², Σ|y|², Σ x·y, Σ|δ|, Σ cos(x, y), with
    /// x the reference, y the current rows and δ = y − x.
    public static let sumCount = 7

    /// Shape [prompts, sumCount].
    public private(set) var sums: [Double]
    /// Shape [prompts, 2, directions]: the prompt's mean x and mean δ, sketched.
    public private(set) var sketches: [Float]
    /// Shape [folds, VectorMoments.stateCount].
    public private(set) var moments: [Double]

    /// - Parameters:
    ///   - order: the rows, those of each prompt together.
    ///   - starts: where each prompt begins in `order`; [prompts + 1].
    ///   - keys: one per prompt.
    ///   - directions: components of a sketch, a multiple of 8.
    ///   - seed: of the sketch's signs.
    /// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`.
    public init(
        reference: EmbeddingRows, current: EmbeddingRows, order: [Int], starts: [Int],
        keys: [UInt64], directions: Int, folds: Int, seed: UInt64, interruption: Interruption
    ) throws(VaccineError) {
        precondition(
            reference.rows == current.rows && reference.width == current.width
                && order.count == reference.rows && starts.count == keys.count + 1,
            "shapes differ")
        let width = reference.width
        let signs = columnSigns(width: width, seed: seed)
        let prompts = keys.count
        let stride = VectorMoments.stateCount(width: width)
        sums = [Double](repeating: 0, count: prompts * PromptTable.sumCount)
        sketches = [Float](repeating: 0, count: prompts * 2 * directions)
        moments = [Double](repeating: 0, count: folds * stride)
        let bands = PromptTable.bands(starts: starts, keys: keys, folds: folds)
        let parts = Results<(band: FoldBand, moments: VectorMoments)>(count: bands.count)
        Threads.forEach(bands.count) { index, _ in
            var band = FoldBand(reference, current, directions: directions, signs: signs)
            for prompt in bands[index].prompts {
                band.add(order[starts[prompt]..<starts[prompt + 1]])
            }
            parts[index] = (band, band.moments(width: width))
        }
        try interruption.check()
        var finite = true
        var states = [VectorMoments](repeating: VectorMoments(width: width), count: folds)
        for (index, (fold, prompts)) in bands.enumerated() {
            guard let (band, moments) = parts[index] else { continue }
            for (place, prompt) in prompts.enumerated() {
                for index in 0..<PromptTable.sumCount {
                    let value = band.sums[place * PromptTable.sumCount + index]
                    sums[prompt * PromptTable.sumCount + index] = value
                    finite = finite && value.isFinite
                }
                let size = directions / 4
                for index in 0..<size {
                    let eight = band.sketches[place * size + index]
                    for lane in 0..<8 {
                        sketches[(prompt * size + index) * 8 + lane] = eight[lane]
                    }
                }
            }
            states[fold].merge(moments)
        }
        for (fold, state) in states.enumerated() {
            moments.replaceSubrange(fold * stride..<(fold + 1) * stride, with: state.state)
        }
        guard finite else {
            try reference.checkFinite("reference")
            try current.checkFinite("current")
            throw .value("reference and current are too large: sums of squares overflow")
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
    private var sketchX: [SIMD8<Double>]
    private var sketchDelta: [SIMD8<Double>]
    private var rows = 0.0
    private var squaredDistance = 0.0
    private(set) var sums: [Double] = []
    /// Of each prompt, [2, directions] in eights.
    private(set) var sketches: [SIMD8<Float>] = []

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
        sketchX = [SIMD8<Double>](repeating: .zero, count: directions / 8)
        sketchDelta = sketchX
    }

    /// Adds a prompt of these rows.
    mutating func add(_ order: ArraySlice<Int>) {
        guard let first = order.first else { return }
        if rows == 0 { reference.read(first, into: &shift) }
        let prompt = reference.addRows(
            order, with: current, shift: shift, x: &promptX, delta: &promptDelta,
            squares: &squaresX)
        let count = prompt[0]
        spread(&promptX, to: &sumX, sketch: &sketchX, signs)
        spread(&promptDelta, to: &sumDelta, sketch: &sketchDelta, signs)
        rows += count
        squaredDistance += prompt[1]
        sums += prompt
        for sketch in [sketchX, sketchDelta] {
            for eight in sketch { sketches.append(SIMD8<Float>(eight / count)) }
        }
    }

    func moments(width: Int) -> VectorMoments {
        var moments = VectorMoments(width: width)
        guard rows > 0 else { return moments }
        moments.count = rows
        moments.squaredDistance = squaredDistance
        for column in 0..<width {
            let (block, lane) = (column / 8, column % 8)
            let mean = sumX[block][lane] / rows
            let step = mean - shift[block][lane]
            moments.mean[column] = mean
            moments.squares[column] = max(0, squaresX[block][lane] - rows * step * step)
            moments.meanDelta[column] = sumDelta[block][lane] / rows
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
    var sketch = sketch.mutableSpan
    let signs = signs.span
    for component in sketch.indices { sketch[component] = .zero }
    var component = 0
    for block in columns.indices {
        sum[block] += columns[block]
        sketch[component] += signs[block] * columns[block]
        columns[block] = .zero
        component = component + 1 == sketch.count ? 0 : component + 1
    }
}
