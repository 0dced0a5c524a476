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
        var members = [[Int]](repeating: [], count: folds)
        for prompt in 0..<prompts {
            members[PromptKey(value: keys[prompt]).fold(of: folds)].append(prompt)
        }

        let (grouped, parts) = (members, Results<FoldBand>(count: folds))
        Threads.forEach(folds) { fold, _ in
            var band = FoldBand(reference, current, directions: directions, signs: signs)
            for prompt in grouped[fold] { band.add(order[starts[prompt]..<starts[prompt + 1]]) }
            parts[fold] = band
        }
        try interruption.check()
        var finite = true
        for (fold, prompts) in members.enumerated() {
            guard let band = parts[fold] else { continue }
            for (place, prompt) in prompts.enumerated() {
                for index in 0..<PromptTable.sumCount {
                    let value = band.sums[place * PromptTable.sumCount + index]
                    sums[prompt * PromptTable.sumCount + index] = value
                    finite = finite && value.isFinite
                }
                let size = 2 * directions
                for index in 0..<size {
                    sketches[prompt * size + index] = band.sketches[place * size + index]
                }
            }
            let values = band.moments(width: width)
            for index in 0..<stride { moments[fold * stride + index] = values[index] }
        }
        guard finite else {
            try reference.checkFinite("reference")
            try current.checkFinite("current")
            throw .value("reference and current are too large: sums of squares overflow")
        }
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

/// The running sums of one fold of prompts.
private struct FoldBand {
    private let reference: EmbeddingRows
    private let current: EmbeddingRows
    private let signs: [SIMD8<Double>]
    private let directions: Int
    /// The first row of the fold, from which second moments are taken: no cancellation where a dimension's
    /// mean is far from 0.
    private var shift: [SIMD8<Double>]
    private var sumX: [SIMD8<Double>]
    private var squaresX: [SIMD8<Double>]
    private var sumDelta: [SIMD8<Double>]
    private var promptX: [SIMD8<Double>]
    private var promptDelta: [SIMD8<Double>]
    private var rows = 0.0
    private var squaredDistance = 0.0
    private(set) var sums: [Double] = []
    private(set) var sketches: [Float] = []

    init(
        _ reference: EmbeddingRows, _ current: EmbeddingRows, directions: Int,
        signs: [SIMD8<Double>]
    ) {
        self.reference = reference
        self.current = current
        self.signs = signs
        self.directions = directions
        let zeros = [SIMD8<Double>](repeating: .zero, count: signs.count)
        (shift, sumX, squaresX, sumDelta) = (zeros, zeros, zeros, zeros)
        (promptX, promptDelta) = (zeros, zeros)
    }

    /// Adds a prompt of these rows.
    mutating func add(_ order: ArraySlice<Int>) {
        guard let first = order.first else { return }
        if rows == 0 { reference.read(first, into: &shift) }
        for block in promptX.indices {
            promptX[block] = .zero
            promptDelta[block] = .zero
        }
        let prompt = reference.addRows(
            order, with: current, shift: shift, x: &promptX, delta: &promptDelta,
            squares: &squaresX)
        let count = prompt[0]
        for block in promptX.indices {
            sumX[block] += promptX[block] - count * shift[block]
            sumDelta[block] += promptDelta[block]
        }
        rows += count
        squaredDistance += prompt[1]
        sums += prompt
        appendSketch(promptX, count)
        appendSketch(promptDelta, count)
    }

    private mutating func appendSketch(_ columns: [SIMD8<Double>], _ count: Double) {
        var sketch = [SIMD8<Double>](repeating: .zero, count: directions / 8)
        var component = 0
        for block in columns.indices {
            sketch[component] += signs[block] * columns[block]
            component += 1
            if component == sketch.count { component = 0 }
        }
        for index in 0..<directions {
            sketches.append(Float(sketch[index / 8][index % 8] / count))
        }
    }

    func moments(width: Int) -> [Double] {
        var moments = VectorMoments(width: width)
        guard rows > 0 else { return moments.state }
        moments.count = rows
        moments.squaredDistance = squaredDistance
        for column in 0..<width {
            let (block, lane) = (column / 8, column % 8)
            let mean = sumX[block][lane] / rows
            moments.mean[column] = shift[block][lane] + mean
            moments.squares[column] = max(0, squaresX[block][lane] - rows * mean * mean)
            moments.meanDelta[column] = sumDelta[block][lane] / rows
        }
        return moments.state
    }
}
