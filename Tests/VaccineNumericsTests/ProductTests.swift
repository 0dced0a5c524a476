import Testing
import VaccineNumerics
import _TestSupport

/// C ← α·op(A)·op(B) + β·C, element by element in double precision.
private func plainProduct(
    _ a: Matrix, _ aOrientation: Orientation, _ b: Matrix, _ bOrientation: Orientation,
    alpha: Float, beta: Float, c: Matrix
) -> [Float] {
    let depth = aOrientation == .normal ? a.columns : a.rows
    return (0..<c.rows).flatMap { row in
        (0..<c.columns).map { column in
            let sum = (0..<depth).reduce(0.0) { sum, k in
                let x = aOrientation == .normal ? a[row, k] : a[k, row]
                let y = bOrientation == .normal ? b[k, column] : b[column, k]
                return sum + Double(x) * Double(y)
            }
            return Float(Double(alpha) * sum + Double(beta) * Double(c[row, column]))
        }
    }
}

/// Rounded to the 8 significant bits of bfloat16, to nearest even.
private func rounded(_ x: Matrix) -> Matrix {
    let values = x.elements.map { value -> Float in
        let bits = value.bitPattern
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }
    return matrix(values, rows: x.rows, columns: x.columns)
}

@Suite struct ProductTests {
    @Test(
        arguments: [(1, 1, 1), (3, 5, 7), (70, 200, 33), (300, 64, 130)],
        [(Orientation.normal, Orientation.normal), (.normal, .transposed), (.transposed, .normal)])
    func productEqualsItsPlainTwin(
        shape: (Int, Int, Int), orientation: (Orientation, Orientation)
    ) {
        let (m, n, k) = shape
        let a = orientation.0 == .normal ? normal(m, k, seed: 1) : normal(k, m, seed: 1)
        let b = orientation.1 == .normal ? normal(k, n, seed: 2) : normal(n, k, seed: 2)
        let c = normal(m, n, seed: 3)
        let expected = plainProduct(
            a, orientation.0, b, orientation.1, alpha: 0.5, beta: 2, c: c)
        multiply(a, orientation.0, b, orientation.1, into: c, alpha: 0.5, beta: 2)
        // k products of unit size, each rounded once: √k · 2⁻²⁴, with room for the order of sums.
        #expect(relativeError(c.elements, expected) < 1e-6)
    }

    @Test func productOfPartsUsesTheirStride() {
        let whole = normal(20, 30, seed: 4)
        let part = whole.rows(3..<11).columns(5..<17)
        let b = normal(12, 6, seed: 5)
        let c = zeros(8, 6)
        multiply(part, .normal, b, .normal, into: c)
        let copy = matrix(part.elements, rows: 8, columns: 12)
        let expected = plainProduct(copy, .normal, b, .normal, alpha: 1, beta: 0, c: zeros(8, 6))
        #expect(relativeError(c.elements, expected) < 1e-6)
    }

    /// Few rows and many, whole and partial tiles and panels, odd lengths, and several blocks of k.
    static let weightShapes = [
        (1, 1, 1), (3, 5, 7), (14, 32, 16), (29, 70, 50), (40, 33, 1301), (84, 32, 16),
        (97, 70, 1301), (400, 330, 40),
    ]

    @Test(arguments: weightShapes)
    func weightProductEqualsItsPlainTwin(shape: (Int, Int, Int)) {
        let (m, n, k) = shape
        let (x, dY, w) = (normal(m, k, seed: 1), normal(m, n, seed: 2), normal(n, k, seed: 3))
        let (y, dX) = (zeros(m, n), zeros(m, k))
        multiply(x, transposing: Weight(w), into: y)
        multiply(dY, by: Weight(w), into: dX)
        let expected = plainProduct(x, .normal, w, .transposed, alpha: 1, beta: 0, c: y)
        let expectedBack = plainProduct(dY, .normal, w, .normal, alpha: 1, beta: 0, c: dX)
        #expect(relativeError(y.elements, expected) < 1e-6)
        #expect(relativeError(dX.elements, expectedBack) < 1e-6)
    }

    @Test(.enabled(if: Precision.bfloat16.isAvailable), arguments: weightShapes)
    func bfloat16ProductEqualsItsPlainTwinOfRoundedFactors(shape: (Int, Int, Int)) throws {
        let (m, n, k) = shape
        let arena = try Arena(byteCount: 4 * n * (k + 32), purpose: "a test")
        defer { arena.keepAlive() }
        let weight = arena.weight(rows: n, columns: k, .bfloat16)
        weight.write(normal(n, k, seed: 3))
        let w = zeros(n, k)
        weight.read(into: w)
        let (x, dY) = (rounded(normal(m, k, seed: 1)), rounded(normal(m, n, seed: 2)))
        let (y, dX) = (zeros(m, n), zeros(m, k))
        multiply(x, transposing: weight, into: y)
        multiply(dY, by: weight, into: dX)
        let expected = plainProduct(x, .normal, w, .transposed, alpha: 1, beta: 0, c: y)
        let expectedBack = plainProduct(dY, .normal, w, .normal, alpha: 1, beta: 0, c: dX)
        #expect(relativeError(y.elements, expected) < 1e-6)
        #expect(relativeError(dX.elements, expectedBack) < 1e-6)
    }

    /// dW ← dW + xᵀ·V, of which V is a part of the columns of a wider weight.
    @Test(arguments: weightShapes, [Precision.float32, .bfloat16])
    func transposedProductIsAddedAsItsPlainTwinIs(
        shape: (Int, Int, Int), precision: Precision
    ) throws {
        guard precision.isAvailable else { return }
        let (n, k, rows) = shape
        let arena = try Arena(byteCount: 4 * rows * (k + 64) + 64, purpose: "a test")
        defer { arena.keepAlive() }
        let whole = arena.weight(rows: rows, columns: k + 6, precision)
        whole.write(normal(rows, k + 6, seed: 8))
        let part = whole.columns(6..<k + 6)
        let v = zeros(rows, k)
        part.read(into: v)
        let x =
            precision == .bfloat16 ? rounded(normal(rows, n, seed: 9)) : normal(rows, n, seed: 9)
        let dW = normal(n, k, seed: 10)
        let expected = plainProduct(x, .transposed, v, .normal, alpha: 1, beta: 1, c: dW)
        multiply(transposed: x, by: part, addingTo: dW)
        #expect(relativeError(dW.elements, expected) < 1e-6)
    }

    @Test(arguments: [1, 2, 5]) func weightProductDependsNeitherOnOtherRowsNorOnThreads(
        threads: Int
    ) throws {
        let (x, w) = (normal(90, 700, seed: 6), normal(300, 700, seed: 7))
        let (alone, together) = (zeros(90, 300), zeros(90, 300))
        for row in 0..<90 {
            multiply(
                x.rows(row..<row + 1), transposing: Weight(w), into: alone.rows(row..<row + 1))
        }
        Threads.withFixedCount(threads) { multiply(x, transposing: Weight(w), into: together) }
        #expect(together.elements == alone.elements)
    }

    /// The weight is read as it lies for few rows, and packed for many: an element is the same to the last bit.
    @Test(
        arguments: [
            (1, 70, 1301), (2, 97, 640), (3, 32, 31), (4, 64, 1200), (7, 70, 100), (9, 3, 7),
            (33, 16, 1301), (64, 33, 640), (130, 18, 31),
        ],
        [Precision.float32, .bfloat16])
    func rowsAloneAreThoseOfAProductOfMany(
        shape: (Int, Int, Int), precision: Precision
    ) throws {
        guard precision.isAvailable else { return }
        let (some, n, k) = shape
        let arena = try Arena(byteCount: 4 * n * (k + 64) + 64, purpose: "a test")
        defer { arena.keepAlive() }
        let weight = arena.weight(rows: n, columns: k, precision)
        weight.write(normal(n, k, seed: 7))
        let x = normal(150, k, seed: 6)
        let (together, alone) = (zeros(150, n), zeros(150, n))
        multiply(x, transposing: weight, into: together)
        for start in stride(from: 0, to: 150, by: some) {
            let rows = start..<min(start + some, 150)
            multiply(x.rows(rows), transposing: weight, into: alone.rows(rows))
        }
        #expect(alone.elements == together.elements)
    }
}
