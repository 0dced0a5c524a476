import Testing

@testable import VaccineDrift

/// U diag(values) Uᵀ or U diag(values) Vᵀ is taken apart by LAPACK in column-major order; the laws
/// below fail for a transposed or wrongly ordered result.
@Suite struct FactorisationTests {
    @Test func `eigenvalues of a hand-computed matrix, largest first`() throws {
        let found = try symmetricEigen(DoubleMatrix(rows: 2, columns: 2, [2, 1, 1, 2]))
        expectNear(found.values, [3, 1])
        // The vectors are (1, 1)/√2 and (1, -1)/√2 up to sign.
        expectNear(found.vectors.elements.map(abs), [Double](repeating: 0.5.squareRoot(), count: 4))
        #expect(found.vectors[0, 0] == found.vectors[1, 0])
        #expect(found.vectors[0, 1] == -found.vectors[1, 1])
    }

    @Test func `eigenvectors put the matrix together again`() throws {
        let matrix = DoubleMatrix(rows: 3, columns: 3, [4, 1, -2, 1, 3, 0.5, -2, 0.5, 1])
        let found = try symmetricEigen(matrix)
        let again = product(
            found.vectors.scalingColumns(found.values), transposed: false, found.vectors,
            transposed: true)
        expectNear(again.elements, matrix.elements)
    }

    @Test func `singular values of a hand-computed matrix`() throws {
        // A·Aᵀ of [[3, 0, 0], [0, 0, 4]] is diag(9, 16).
        let matrix = DoubleMatrix(rows: 2, columns: 3, [3, 0, 0, 0, 0, 4])
        let found = try singularValues(matrix, vectors: true)
        expectNear(found.values, [4, 3])
        expectNear(found.left.elements.map(abs), [0, 1, 1, 0])
    }

    @Test(arguments: [(2, 5), (5, 2), (1, 1)])
    func `left singular vectors are orthonormal and carry the values`(
        rows: Int, columns: Int
    ) throws {
        let matrix = DoubleMatrix(
            rows: rows, columns: columns, (0..<rows * columns).map { Double(($0 * 7) % 5) - 1.5 })
        let found = try singularValues(matrix, vectors: true)
        let count = min(rows, columns)
        let gram = product(found.left, transposed: true, found.left)
        expectNear(gram.elements, identity(count).elements)
        // ‖Aᵀ u_i‖ is the i-th value.
        let images = product(matrix, transposed: true, found.left)
        for place in 0..<count {
            let norm = (0..<columns).reduce(0) { $0 + images[$1, place] * images[$1, place] }
            expectNear([norm.squareRoot()], [found.values[place]])
        }
    }

    @Test func `an empty matrix has no singular values`() throws {
        #expect(try singularValues(DoubleMatrix(zeros: 0, 3)).values.isEmpty)
    }
}

private func identity(_ order: Int) -> DoubleMatrix {
    var result = DoubleMatrix(zeros: order, order)
    for place in 0..<order { result[place, place] = 1 }
    return result
}

/// Entries are below 10 and orders below 10, so 1e-13 is some hundred roundings.
private func expectNear(
    _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (x, y) in zip(found, expected) {
        #expect(abs(x - y) < 1e-13, "\(found) is not \(expected)", sourceLocation: sourceLocation)
    }
}
