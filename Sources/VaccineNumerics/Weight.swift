internal import CKernels

/// The number format in which frozen weights are held and multiplied.
public enum Precision: Sendable, Equatable {
    case float32
    /// Half the memory, and where the processor multiplies it about twice the speed. Factors are rounded
    /// to 8 significant bits; sums are float32.
    case bfloat16
    /// Rows stay in the blocks of a GGUF file, and are decoded to float32 where a product packs them.
    case blocks

    /// Whether this processor multiplies in this format.
    public var isAvailable: Bool { self != .bfloat16 || vaccine_has_bfloat16() }

    /// How products hold what they multiply weights of this format with.
    public var ofFactors: Precision { self == .bfloat16 ? .bfloat16 : .float32 }

    /// A finite number as a tensor of weights in this format would hold it.
    public func nearest(_ x: Float) -> Float {
        guard self == .bfloat16 else { return x }
        let bits = x.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    }
}

/// A frozen matrix [rows, columns], row-major, in one of the precisions.
@safe public struct Weight: @unchecked Sendable {
    @safe enum Storage {
        case float32(Matrix)
        /// Rows lie an even number of elements apart; the gap holds zeros.
        case bfloat16(UnsafeMutablePointer<UInt16>, stride: Int)
        /// Where each row lies and in which format, which rows need not share; rows are read from number
        /// `column` on.
        case blocks(UnsafeMutablePointer<VaccineBlockRow>, column: Int)
    }

    let storage: Storage
    public let rows: Int
    public let columns: Int

    /// A float32 matrix as a weight, no copy.
    public init(_ matrix: Matrix) {
        storage = .float32(matrix)
        rows = matrix.rows
        columns = matrix.columns
    }

    init(bfloat16 base: UnsafeMutablePointer<UInt16>, rows: Int, columns: Int, stride: Int) {
        unsafe storage = .bfloat16(base, stride: stride)
        self.rows = rows
        self.columns = columns
    }

    init(blocks base: UnsafeMutablePointer<VaccineBlockRow>, rows: Int, columns: Int, column: Int) {
        unsafe storage = .blocks(base, column: column)
        self.rows = rows
        self.columns = columns
    }

    public var precision: Precision {
        switch storage {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .blocks: .blocks
        }
    }

    /// The floats of a float32 weight; nil for another precision.
    public var matrix: Matrix? {
        if case .float32(let matrix) = storage { matrix } else { nil }
    }

    /// The rows of `range`, no copy.
    public func rows(_ range: Range<Int>) -> Weight {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows out of range")
        switch storage {
        case .float32(let matrix): return Weight(matrix.rows(range))
        case .bfloat16(let base, let stride):
            return unsafe Weight(
                bfloat16: base + range.lowerBound * stride, rows: range.count, columns: columns,
                stride: stride)
        case .blocks(let base, let column):
            return unsafe Weight(
                blocks: base + range.lowerBound, rows: range.count, columns: columns,
                column: column)
        }
    }

    /// The columns of `range`, of an even length unless it is the last, no copy.
    public func columns(_ range: Range<Int>) -> Weight {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns out of range")
        switch storage {
        case .float32(let matrix): return Weight(matrix.columns(range))
        case .bfloat16(let base, let stride):
            precondition(
                range.count % 2 == 0 || range.upperBound == columns, "an odd number of columns")
            return unsafe Weight(
                bfloat16: base + range.lowerBound, rows: rows, columns: range.count,
                stride: stride)
        case .blocks(let base, let column):
            return unsafe Weight(
                blocks: base, rows: rows, columns: range.count,
                column: column + range.lowerBound)
        }
    }

    /// output = self, exactly.
    public func read(into output: Matrix) {
        precondition(output.rows == rows && output.columns == columns, "shapes differ")
        switch storage {
        case .float32(let matrix): output.copy(from: matrix)
        case .bfloat16(let base, let stride):
            for row in 0..<rows {
                unsafe vaccine_from_bfloat16(
                    base + row * stride, columns, output.base + row * output.stride)
            }
        case .blocks(let base, let column):
            for row in 0..<rows {
                unsafe vaccine_from_blocks(
                    base[row], column, columns, output.base + row * output.stride)
            }
        }
    }

    /// What a number must stay below in size: from there on it rounds to infinity.
    public var limit: Float { precision == .bfloat16 ? 0x1.FFp127 : .infinity }

    /// self = values, rounded to nearest even.
    ///
    /// - Precondition: not held as blocks, which `Weight.lend` sets; values are finite and below `limit`.
    public func write(_ values: Matrix) {
        precondition(values.rows == rows && values.columns == columns, "shapes differ")
        switch storage {
        case .float32(let matrix): matrix.copy(from: values)
        case .bfloat16(let base, let stride):
            for row in 0..<rows {
                unsafe vaccine_to_bfloat16(
                    values.base + row * values.stride, columns, base + row * stride)
            }
        case .blocks: preconditionFailure("blocks are not written")
        }
    }

    /// What C reads of numbers; `transposed`: as the factor [columns, rows].
    func forC(transposed: Bool) -> VaccineWeight {
        switch storage {
        case .float32(let matrix):
            unsafe VaccineWeight(
                values: matrix.base, stride: matrix.stride, transposed: transposed)
        case .bfloat16(let base, let stride):
            unsafe VaccineWeight(values: base, stride: stride, transposed: transposed)
        case .blocks: preconditionFailure("blocks have no stride")
        }
    }
}

extension Matrix {
    /// self[i] = value(i), i counting row by row.
    public func fillInOrder(_ value: @Sendable (Int) -> Float) {
        Threads.forEachRange(of: rows) { range in
            for row in range {
                var target = mutable(row)
                for column in target.indices { target[column] = value(row * columns + column) }
            }
        }
    }
}

extension Weight {
    /// self[i] = value(i), rounded, i counting row by row.
    public func fillInOrder(_ value: @Sendable (Int) -> Float) {
        switch storage {
        case .float32(let matrix): matrix.fillInOrder(value)
        case .bfloat16(let base, let stride):
            for row in 0..<rows {
                for column in 0..<columns {
                    var element = value(row * columns + column)
                    unsafe vaccine_to_bfloat16(&element, 1, base + row * stride + column)
                }
            }
        case .blocks: preconditionFailure("blocks are not written")
        }
    }
}

extension Arena {
    /// The next weight.
    public func weight(rows: Int, columns: Int, _ precision: Precision) -> Weight {
        if precision == .float32 { return Weight(matrix(rows: rows, columns: columns)) }
        if precision == .blocks {
            return unsafe Weight(
                blocks: take(rows, 1, of: VaccineBlockRow.self), rows: rows, columns: columns,
                column: 0)
        }
        let stride = columns % 1024 == 0 ? columns + 32 : (columns + 1) / 2 * 2
        return unsafe Weight(
            bfloat16: take(rows, stride, of: UInt16.self), rows: rows, columns: columns,
            stride: stride)
    }
}
