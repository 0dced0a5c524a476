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

    @Test(arguments: [1, 3, 4, 9]) func rowProductDoesNotDependOnTheOtherRows(rows: Int) {
        let x = normal(rows, 100, seed: 6)
        let w = normal(70, 100, seed: 7)
        let together = zeros(rows, 70)
        multiplyRows(x, w, into: together)
        for row in 0..<rows {
            let alone = zeros(1, 70)
            multiplyRows(x.rows(row..<row + 1), w, into: alone)
            #expect(alone.elements == together.rows(row..<row + 1).elements)
        }
        let expected = plainProduct(
            x, .normal, w, .transposed, alpha: 1, beta: 0, c: zeros(rows, 70))
        #expect(relativeError(together.elements, expected) < 1e-6)
    }
}
