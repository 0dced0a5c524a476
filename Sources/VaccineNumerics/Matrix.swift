// Matrices of Float, row-major. `Matrix` is a view: a base address, a shape and the distance between
// rows. The memory belongs to an `Arena`, whose owner (a model) outlives every view of it.
// Their raw addresses stay in this module.

/// A row-major view of rows × columns floats whose rows lie `stride` floats apart.
///
/// Rows are read as `Span`s and written as `MutableSpan`s, bounds-checked. A view may be used from
/// several threads at once as long as no row is written by one while another touches it: parallel
/// regions hand every thread rows or columns of its own.
@safe public struct Matrix: @unchecked Sendable {
    @usableFromInline package let base: UnsafeMutablePointer<Float>
    public let rows: Int
    public let columns: Int
    public let stride: Int

    @inlinable package init(
        base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int
    ) {
        unsafe self.base = unsafe base
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    public var count: Int { rows * columns }

    public func hasShape(of other: Matrix) -> Bool {
        rows == other.rows && columns == other.columns
    }

    /// Row `row`, shape [columns].
    @inlinable public subscript(row: Int) -> Span<Float> {
        @_lifetime(borrow self) get {
            precondition(row >= 0 && row < rows, "row out of range")
            let span = unsafe Span(
                _unsafeStart: UnsafePointer(base + row * stride), count: columns)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Row `row` for writing, shape [columns].
    @inlinable @_lifetime(borrow self) public func mutable(_ row: Int) -> MutableSpan<Float> {
        precondition(row >= 0 && row < rows, "row out of range")
        let span = unsafe MutableSpan(_unsafeStart: base + row * stride, count: columns)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// One element.
    @inlinable public subscript(row: Int, column: Int) -> Float {
        get { self[row][column] }
        nonmutating set {
            var target = mutable(row)
            target[column] = newValue
        }
    }

    /// The rows of `range`, no copy.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows out of range")
        return unsafe Matrix(
            base: base + range.lowerBound * stride, rows: range.count, columns: columns,
            stride: stride)
    }

    /// The columns of `range`, no copy.
    public func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns out of range")
        return unsafe Matrix(
            base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// The leading rows × columns elements of the same memory with another shape, for scratch.
    public func reshaped(rows: Int, columns: Int) -> Matrix {
        precondition(rows * columns <= count, "reshape beyond the memory")
        return unsafe Matrix(base: base, rows: rows, columns: columns, stride: columns)
    }

    public func fill(_ value: Float) {
        for row in 0..<rows {
            var target = mutable(row)
            for index in target.indices { target[index] = value }
        }
    }

    public func copy(from source: Matrix) {
        precondition(rows == source.rows && columns == source.columns, "shapes differ")
        for row in 0..<rows {
            let from = source[row]
            var target = mutable(row)
            for index in from.indices { target[index] = from[index] }
        }
    }

    /// Moves the rows of `chosen`, which rise, to the first places.
    public func gather(_ chosen: [Int]) {
        for (place, row) in chosen.enumerated() where place < row {
            rows(place..<place + 1).copy(from: rows(row..<row + 1))
        }
    }

    /// The reverse of `gather`: the first rows return to their places, and all others become 0.
    public func scatter(_ chosen: [Int]) {
        var end = rows
        for (place, row) in chosen.enumerated().reversed() {
            rows(row + 1..<end).fill(0)
            if place < row { rows(row..<row + 1).copy(from: rows(place..<place + 1)) }
            end = row
        }
        rows(0..<end).fill(0)
    }

    /// Copies `count` floats from the caller's row-major memory.
    public func copy(from values: Span<Float>) {
        precondition(values.count == count, "counts differ")
        for row in 0..<rows {
            var target = mutable(row)
            for index in 0..<columns { target[index] = values[row * columns + index] }
        }
    }

    /// The first element that is NaN or infinite, or not below `limit` in size.
    public func firstNonFinite(limit: Float = .infinity) -> (row: Int, column: Int)? {
        for row in 0..<rows {
            let values = self[row]
            for column in 0..<columns where !(values[column].magnitude < limit) {
                return (row, column)
            }
        }
        return nil
    }
}
