internal import CKernels
public import VaccineNumerics

/// An embedding set as the caller holds it: [rows, width] row-major in one of four number formats, read as
/// double precision.
@safe public struct EmbeddingRows: @unchecked Sendable {
    public enum Element: Sendable { case float32, float64, float16, bfloat16 }

    private let base: UnsafeRawPointer
    public let rows: Int
    public let width: Int
    public let element: Element

    /// - Parameter base: rows · width elements, which outlive this view.
    public init(base: UnsafeRawPointer, rows: Int, width: Int, element: Element) {
        unsafe self.base = unsafe base
        self.rows = rows
        self.width = width
        self.element = element
    }

    /// Row `row` as eights of doubles, zeros beyond the width.
    ///
    /// - Parameter target: ⌈width / 8⌉ eights, overwritten.
    func read(_ row: Int, into target: inout [SIMD8<Double>]) {
        precondition(row >= 0 && row < rows && target.count * 8 >= width, "row out of range")
        switch element {
        case .float32:
            unsafe convert(base.assumingMemoryBound(to: Float.self), row, &target) { Double($0) }
        case .float64:
            unsafe convert(base.assumingMemoryBound(to: Double.self), row, &target) { $0 }
        case .float16:
            unsafe convert(base.assumingMemoryBound(to: Float16.self), row, &target) { Double($0) }
        case .bfloat16:
            unsafe convert(base.assumingMemoryBound(to: UInt16.self), row, &target) {
                Double(Float(bitPattern: UInt32($0) << 16))
            }
        }
    }

    /// Row `row` as `width` doubles.
    func read(_ row: Int, into target: inout [Double], from start: Int) {
        precondition(row >= 0 && row < rows && start + width <= target.count, "row out of range")
        guard element == .float32 else {
            for column in 0..<width { target[start + column] = self[row, column] }
            return
        }
        let source = unsafe base.assumingMemoryBound(to: Float.self) + row * width
        for column in 0..<width { target[start + column] = unsafe Double(source[column]) }
    }

    public subscript(row: Int, column: Int) -> Double {
        precondition(
            row >= 0 && row < rows && column >= 0 && column < width, "place out of range")
        let index = row * width + column
        switch element {
        case .float32: return unsafe Double(base.assumingMemoryBound(to: Float.self)[index])
        case .float64: return unsafe base.assumingMemoryBound(to: Double.self)[index]
        case .float16: return unsafe Double(base.assumingMemoryBound(to: Float16.self)[index])
        case .bfloat16:
            let bits = unsafe base.assumingMemoryBound(to: UInt16.self)[index]
            return Double(Float(bitPattern: UInt32(bits) << 16))
        }
    }

    @inline(__always)
    private func convert<Value>(
        _ values: UnsafePointer<Value>, _ row: Int, _ target: inout [SIMD8<Double>],
        _ double: (Value) -> Double
    ) {
        let source = unsafe values + row * width
        let whole = width / 8
        for block in 0..<whole {
            var eight = SIMD8<Double>.zero
            for lane in 0..<8 { eight[lane] = unsafe double(source[8 * block + lane]) }
            target[block] = eight
        }
        guard whole * 8 < width else { return }
        var eight = SIMD8<Double>.zero
        for lane in 0..<(width - 8 * whole) {
            eight[lane] = unsafe double(source[8 * whole + lane])
        }
        target[whole] = eight
    }

    /// Adds rows of self, x, and of another set, y, to sums over columns, which are all of the width
    /// rounded up to eights.
    ///
    /// - Parameters:
    ///   - count: how many rows of `order`, its first; the others come next.
    ///   - shift: what x is centred on for its squares.
    ///   - x, delta, squares: Σ x, Σ (y − x), Σ (x − shift)².
    ///   - sums: those of `PromptTable`.
    func addRows(
        _ count: Int, of order: ArraySlice<Int>, with other: EmbeddingRows, shift: [SIMD8<Double>],
        x: inout [SIMD8<Double>], delta: inout [SIMD8<Double>], squares: inout [SIMD8<Double>],
        sums: UnsafeMutablePointer<Double>
    ) {
        precondition(
            width == other.width && rows == other.rows
                && count <= order.count && order.prefix(count).allSatisfy { $0 >= 0 && $0 < rows }
                && [shift, x, delta, squares].allSatisfy { $0.count * 8 >= width },
            "shapes differ")
        unsafe order.withUnsafeBufferPointer { order in
            unsafe shift.withUnsafeBytes { shift in
                unsafe x.withUnsafeMutableBytes { x in
                    unsafe delta.withUnsafeMutableBytes { delta in
                        unsafe squares.withUnsafeMutableBytes { squares in
                            let columns = unsafe VaccineDriftColumns(
                                shift: shift.baseAddress?.assumingMemoryBound(to: Double.self),
                                x: x.baseAddress?.assumingMemoryBound(to: Double.self),
                                delta: delta.baseAddress?.assumingMemoryBound(to: Double.self),
                                squares: squares.baseAddress?.assumingMemoryBound(to: Double.self))
                            let order = unsafe VaccineRowOrder(
                                rows: order.baseAddress, count: count, listed: order.count)
                            unsafe vaccine_drift_rows(forC, other.forC, order, columns, sums)
                        }
                    }
                }
            }
        }
    }

    /// The sums of `PromptTable` of rows of self, x, and of another set, y.
    func sums(_ chosen: Range<Int>, with other: EmbeddingRows) -> [Double] {
        precondition(
            width == other.width && rows == other.rows && chosen.lowerBound >= 0
                && chosen.upperBound <= rows, "shapes differ")
        var sums = [Double](repeating: 0, count: PromptSums.count)
        unsafe vaccine_row_sums(forC, other.forC, chosen.lowerBound, chosen.count, &sums)
        return sums
    }

    /// |y − x|² of one row x of self and rows y of another set of this width, exact to rounding.
    ///
    /// - Parameter target: overwritten from `start`.
    func squaredDistances(
        from row: Int, to other: EmbeddingRows, _ others: Range<Int>, into target: inout [Double],
        from start: Int
    ) {
        precondition(
            width == other.width && row >= 0 && row < rows && others.lowerBound >= 0
                && others.upperBound <= other.rows && start + others.count <= target.count,
            "row out of range")
        unsafe target.withUnsafeMutableBufferPointer { target in
            guard let target = target.baseAddress else { return }
            unsafe vaccine_squared_distances(
                forC, row, other.forC, others.lowerBound, others.count, target + start)
        }
    }

    /// The same of one row.
    func squaredDistance(from row: Int, to other: EmbeddingRows, _ place: Int) -> Double {
        precondition(
            width == other.width && row >= 0 && row < rows && place >= 0 && place < other.rows,
            "row out of range")
        var distance = 0.0
        unsafe vaccine_squared_distances(forC, row, other.forC, place, 1, &distance)
        return distance
    }

    private var forC: VaccineRows {
        let format =
            switch element {
            case .float32: VACCINE_ROWS_FLOAT32
            case .float64: VACCINE_ROWS_FLOAT64
            case .float16: VACCINE_ROWS_FLOAT16
            case .bfloat16: VACCINE_ROWS_BFLOAT16
            }
        return unsafe VaccineRows(values: base, width: width, format: format)
    }

    private func isFinite(_ chosen: Range<Int>) -> Bool {
        var values = [SIMD8<Double>](repeating: .zero, count: (width + 7) / 8)
        var zeros = SIMD8<Double>.zero
        for row in chosen {
            read(row, into: &values)
            for eight in values { zeros += eight * 0 }
        }
        return zeros == .zero
    }

    /// - Parameter name: the argument in the message.
    /// - Throws: `VaccineError.value` that counts NaN and infinite elements and locates the first;
    ///   `.interrupted`.
    public func checkFinite(
        _ name: String, interruption: Interruption = .none
    ) throws(VaccineError) {
        let bands = Array(Blocks(of: rows, size: max(1, (1 << 16) / width)))
        var fine: [Double] = []
        for wave in Blocks(of: bands.count, size: Threads.wave(of: 1 << 18)) {
            try interruption.check(wave.lowerBound, of: bands.count)
            fine += Threads.map(wave.count) { isFinite(bands[wave.lowerBound + $0]) ? 1 : 0 }
        }
        guard fine.contains(0) else { return }
        let counts = Threads.map(rows) { row in
            var count = 0.0
            for column in 0..<width where !self[row, column].isFinite { count += 1 }
            return count
        }
        guard let row = counts.firstIndex(where: { $0 > 0 }) else { return }
        let column = (0..<width).first { !self[row, $0].isFinite } ?? 0
        let wrong = Int(counts.reduce(0, +))
        throw .value(
            "\(name) must be finite, but \(counted(wrong, "element")) "
                + "\(wrong == 1 ? "is" : "are") NaN or infinite, "
                + "the first at row \(row), column \(column)")
    }
}
