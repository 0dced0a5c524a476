internal import CKernels

/// The left factor of a product with a weight, as the kernels of the weight's precision read it: float32
/// where it lies, bfloat16 rounded into memory of the thread that asks, which lasts until it asks again.
@safe struct Factor: @unchecked Sendable {
    @safe enum Words {
        case values(UnsafeMutablePointer<Float>)
        /// Neighbours along k two by two.
        case pairs(UnsafeMutablePointer<UInt32>)
    }

    let words: Words
    /// Length along k, in elements.
    let length: Int
    /// Words from row to row, and from one to the next along k.
    let row: Int
    let step: Int

    /// Rounding takes place here, once for all tiles of the product.
    ///
    /// - Parameter parallel: false inside a parallel region.
    /// - Complexity: in bfloat16 4·T·K bytes read, 2·T·K written.
    init(_ matrix: Matrix, for precision: Precision, parallel: Bool) {
        length = matrix.columns
        step = 1
        guard precision == .bfloat16 else {
            unsafe words = .values(matrix.base)
            row = matrix.stride
            return
        }
        row = Factor.stride(of: (matrix.columns + 1) / 2)
        unsafe words = .pairs(Factor.memory(matrix.rows * row))
        let factor = self
        if parallel {
            let band = 8
            Threads.forEachNear((matrix.rows + band - 1) / band) { index, _ in
                factor.round(matrix, index * band..<min((index + 1) * band, matrix.rows))
            }
        } else {
            factor.round(matrix, 0..<matrix.rows)
        }
    }

    private func round(_ matrix: Matrix, _ rows: Range<Int>) {
        guard case .pairs(let pairs) = words else { return }
        for index in rows {
            unsafe vaccine_to_pairs(
                matrix.base + index * matrix.stride, length, pairs + index * row)
        }
    }

    /// The transpose of a matrix, on the calling thread.
    init(transposing matrix: Matrix, for precision: Precision) {
        length = matrix.rows
        row = 1
        guard precision == .bfloat16 else {
            unsafe words = .values(matrix.base)
            step = matrix.stride
            return
        }
        step = Factor.stride(of: matrix.columns)
        let pairs = unsafe Factor.memory((matrix.rows + 1) / 2 * step)
        for index in 0..<(matrix.rows + 1) / 2 {
            let even = unsafe matrix.base + 2 * index * matrix.stride
            let odd = unsafe 2 * index + 1 < matrix.rows ? even + matrix.stride : nil
            unsafe vaccine_rows_to_pairs(even, odd, matrix.columns, pairs + index * step)
        }
        unsafe words = .pairs(pairs)
    }

    private init(words: Words, like other: Factor) {
        self.words = words
        (length, row, step) = (other.length, other.row, other.step)
    }

    /// As the kernels take it.
    var forC: VaccineFactor {
        switch words {
        case .values(let words): unsafe VaccineFactor(words: words, row: row, step: step)
        case .pairs(let words): unsafe VaccineFactor(words: words, row: row, step: step)
        }
    }

    /// From row `range.lowerBound` on, no copy.
    func rows(_ range: Range<Int>) -> Factor {
        let start = range.lowerBound * row
        switch words {
        case .values(let values): return unsafe Factor(words: .values(values + start), like: self)
        case .pairs(let pairs): return unsafe Factor(words: .pairs(pairs + start), like: self)
        }
    }

    /// Words from row to row for `width` of them: whole vectors, and as in an arena not so that rows fall into
    /// the same few sets of the first-level cache.
    private static func stride(of width: Int) -> Int {
        let vectors = (width + 15) / 16 * 16
        return vectors % 512 == 0 ? vectors + 16 : vectors
    }

    private static func memory(_ count: Int) -> UnsafeMutablePointer<UInt32> {
        guard let pairs = unsafe vaccine_pairs_buffer(count) else {
            preconditionFailure("no memory for rounded rows")
        }
        return unsafe pairs
    }
}
