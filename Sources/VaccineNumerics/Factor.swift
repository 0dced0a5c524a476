internal import CKernels

/// The left factor of a product with a weight, as the kernels of the weight's precision read it.
@safe struct Factor: @unchecked Sendable {
    @safe enum Words {
        /// The matrix in place.
        case values(UnsafeMutablePointer<Float>)
        /// Neighbours in a row two by two, rounded to bfloat16, in memory of the thread that made them.
        case pairs(UnsafeMutablePointer<UInt32>)
    }

    let words: Words
    let columns: Int
    /// Words from row to row.
    let stride: Int

    /// Rounding takes place here, once for all tiles of the product. The pairs last until the calling thread
    /// makes its next factor.
    ///
    /// - Parameter parallel: false inside a parallel region.
    /// - Complexity: in bfloat16 4·T·K bytes read, 2·T·K written.
    init(_ matrix: Matrix, for precision: Precision, parallel: Bool) {
        columns = matrix.columns
        guard precision == .bfloat16 else {
            unsafe words = .values(matrix.base)
            stride = matrix.stride
            return
        }
        // As in an arena, rows do not fall into the same few sets of the first-level cache.
        let width = (matrix.columns + 31) / 32 * 16
        let stride = width % 512 == 0 ? width + 16 : width
        guard let pairs = unsafe vaccine_pairs_buffer(matrix.rows * stride) else {
            preconditionFailure("no memory for rounded rows")
        }
        unsafe words = .pairs(pairs)
        self.stride = stride
        let factor = self
        if parallel {
            Threads.forEachRange(of: matrix.rows) { factor.round(matrix, $0) }
        } else {
            factor.round(matrix, 0..<matrix.rows)
        }
    }

    private init(words: Words, columns: Int, stride: Int) {
        self.words = words
        self.columns = columns
        self.stride = stride
    }

    private func round(_ matrix: Matrix, _ rows: Range<Int>) {
        guard case .pairs(let pairs) = words else { return }
        for row in rows {
            unsafe vaccine_to_pairs(
                matrix.base + row * matrix.stride, columns, pairs + row * stride)
        }
    }

    /// From row `range.lowerBound` on, no copy.
    func rows(_ range: Range<Int>) -> Factor {
        let start = range.lowerBound * stride
        switch words {
        case .values(let values):
            return unsafe Factor(
                words: .values(values + start), columns: columns, stride: stride)
        case .pairs(let pairs):
            return unsafe Factor(words: .pairs(pairs + start), columns: columns, stride: stride)
        }
    }
}
