internal import CKernels

/// Float16 numbers [rows, columns] that floats are kept in for a while: written whole rows at a time, and read
/// again.
@safe public struct HalfMatrix: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Float16>
    public let rows: Int
    public let columns: Int

    init(base: UnsafeMutablePointer<Float16>, rows: Int, columns: Int) {
        unsafe self.base = unsafe base
        self.rows = rows
        self.columns = columns
    }

    /// Row `row` = the same row of `values`, rounded to nearest even, beyond ±65504 to that.
    public func write(_ row: Int, of values: Matrix) {
        let values = values.rows(row..<row + 1)
        precondition(row >= 0 && row < rows && values.columns == columns, "shapes differ")
        unsafe vaccine_to_float16(values.base, columns, base + row * columns)
    }

    /// output[0] = row `row`, exactly.
    public func read(_ row: Int, into output: Matrix) {
        precondition(row >= 0 && row < rows && output.columns == columns, "shapes differ")
        unsafe vaccine_from_float16(base + row * columns, columns, output.base)
    }
}

extension Arena {
    /// The next matrix of float16 numbers.
    public func halfMatrix(rows: Int, columns: Int) -> HalfMatrix {
        unsafe HalfMatrix(
            base: take(rows, columns, of: Float16.self), rows: rows, columns: columns)
    }
}
