internal import COpenBLAS
internal import VaccineNumerics

/// Rows of double precision that threads fill together, each thread rows of its own.
@safe final class RowBlock: @unchecked Sendable {
    let rows: Int
    let columns: Int
    private let base: UnsafeMutablePointer<Double>

    init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        unsafe base = .allocate(capacity: rows * columns)
        unsafe base.initialize(repeating: 0, count: rows * columns)
    }

    deinit { unsafe base.deallocate() }

    /// A view of these rows, which outlive it.
    var embeddings: EmbeddingRows {
        unsafe EmbeddingRows(base: base, rows: rows, width: columns, element: .float64)
    }

    /// Row `row` = the `columns` values from `start`.
    func setRow(_ row: Int, _ values: [Double], from start: Int) {
        precondition(row < rows && start + columns <= values.count, "row out of range")
        unsafe values.withUnsafeBufferPointer {
            guard let source = $0.baseAddress else { return }
            unsafe (base + row * columns).update(from: source + start, count: columns)
        }
    }

    /// Columns of a product that one task computes: fixed, so that results do not depend on the threads.
    static let tile = 384

    /// self (+)= otherᵀ · other over the first `count` rows of another block: the upper triangle.
    ///
    /// - Complexity: count · columns² operations.
    /// - Throws: `.interrupted`.
    func setSquare(
        of other: RowBlock, rows count: Int, add: Bool, interruption: Interruption
    ) throws(VaccineError) {
        precondition(rows == columns && columns == other.columns, "shapes differ")
        let tiles = Array(Blocks(of: columns, size: RowBlock.tile))
        let tasks = tiles.indices.flatMap { first in tiles[first...].map { (tiles[first], $0) } }
        let work = RowBlock.tile * RowBlock.tile * count / 8
        for wave in Blocks(of: tasks.count, size: Threads.wave(of: work)) {
            try interruption.check(wave.lowerBound, of: tasks.count)
            Threads.forEach(wave.count) { index, _ in
                let (left, right) = tasks[wave.lowerBound + index]
                unsafe other.multiply(left, by: other, right, rows: count, into: base, add: add)
            }
        }
    }

    /// All numbers, row after row.
    var elements: [Double] { unsafe Array(UnsafeBufferPointer(start: base, count: rows * columns)) }

    /// target (+)= selfᵀ · other over the first `count` rows, of these columns, on the calling thread.
    ///
    /// - Parameters:
    ///   - target: shape [columns, other.columns], row-major.
    ///   - add: whether to add to what `target` holds.
    /// - Note: of the same columns of one block only the upper triangle is written.
    func multiply(
        _ columns: Range<Int>, by other: RowBlock, _ others: Range<Int>, rows count: Int,
        into target: UnsafeMutablePointer<Double>, add: Bool
    ) {
        precondition(
            count <= rows && count <= other.rows && columns.upperBound <= self.columns
                && others.upperBound <= other.columns, "shapes differ")
        _ = LinearAlgebra.oneThread
        let (a, b) = unsafe (base + columns.lowerBound, other.base + others.lowerBound)
        let c = unsafe target + columns.lowerBound * other.columns + others.lowerBound
        let beta = add ? 1.0 : 0.0
        if self === other && columns == others {
            unsafe cblas_dsyrk(
                CblasRowMajor, CblasUpper, CblasTrans, blasint(columns.count), blasint(count), 1, a,
                blasint(self.columns), beta, c, blasint(other.columns))
        } else {
            unsafe cblas_dgemm(
                CblasRowMajor, CblasTrans, CblasNoTrans, blasint(columns.count),
                blasint(others.count), blasint(count), 1, a, blasint(self.columns), b,
                blasint(other.columns), beta, c, blasint(other.columns))
        }
    }
}
