import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// The blocks of OPT against plain twins and differences.
@Suite struct LayerNormTests {
    private let rows = 4
    private let epsilon: Float = 1e-5

    private func norm(width: Int) -> LayerNorm {
        LayerNorm(
            weight: normal(1, width, seed: 2), bias: normal(1, width, seed: 3), epsilon: epsilon)
    }

    /// In double precision, row by row.
    private func plain(_ x: Matrix, _ norm: LayerNorm) -> [Double] {
        (0..<x.rows).flatMap { row in
            let values = (0..<x.columns).map { Double(x[row, $0]) }
            let mean = values.reduce(0, +) / Double(x.columns)
            let variance = values.reduce(0) { $0 + pow($1 - mean, 2) } / Double(x.columns)
            return values.indices.map {
                (values[$0] - mean) / sqrt(variance + Double(epsilon)) * Double(norm.weight[0, $0])
                    + Double(norm.bias[0, $0])
            }
        }
    }

    @Test(arguments: [1, 16, 37], [Float(0), 1000])
    func itEqualsItsPlainTwin(width: Int, level: Float) {
        let (x, norm) = (normal(rows, width, seed: 1), norm(width: width))
        for row in 0..<rows { for column in 0..<width { x[row, column] += level } }
        let (y, again, statistics) = (
            zeros(rows, width), zeros(rows, width), zeros(rows, 2)
        )
        norm.forward(x, statistics: statistics, into: y)
        for (found, expected) in zip(y.elements, plain(x, norm)) {
            // Of a level of 1000, a float keeps 6e-5.
            #expect(abs(Double(found) - expected) < (level == 0 ? 1e-5 : 1e-3))
        }
        norm.again(x, statistics: statistics, into: again)
        #expect(again.elements == y.elements)
    }

    @Test(arguments: [5, 16, 37]) func itsBackwardPassIsItsDerivative(width: Int) {
        let (x, norm) = (normal(rows, width, seed: 1), norm(width: width))
        let (dY, v) = (normal(rows, width, seed: 4), normal(rows, width, seed: 5))
        func along(_ step: Float) -> Double {
            let moved = matrix(x.elements, rows: rows, columns: width)
            moved.add(v, scale: step)
            return zip(plain(moved, norm), dY.elements).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        let expected = (along(1e-3) - along(-1e-3)) / 2e-3
        let (y, statistics, dX) = (zeros(rows, width), zeros(rows, 2), zeros(rows, width))
        norm.forward(x, statistics: statistics, into: y)
        dX.fill(1)
        norm.backward(x, statistics: statistics, dY: dY, addingTo: dX)
        let found = zip(dX.elements, v.elements).reduce(0.0) {
            $0 + (Double($1.0) - 1) * Double($1.1)
        }
        #expect(abs(found - expected) < 5e-3 * max(1, abs(expected)))
    }

    @Test func reluKeepsWhatIsPositiveAndItsGradient() {
        let (x, y) = (normal(3, 19, seed: 1), zeros(3, 19))
        x[1, 4] = 0
        ReLU().forward(x, halves: nil, into: y)
        #expect(y.elements == x.elements.map { max(0, $0) })
        let (dY, values) = (normal(3, 19, seed: 2), x.elements)
        ReLU().backward(x, halves: nil, dY: dY)
        #expect(x.elements == zip(values, dY.elements).map { $0 > 0 ? $1 : 0 })
    }

    @Test func reluDoesNotLoseNaN() {
        let (x, y) = (normal(1, 19, seed: 1), zeros(1, 19))
        (x[0, 3], x[0, 17], x[0, 18]) = (.nan, -.nan, .infinity)
        ReLU().forward(x, halves: nil, into: y)
        for column in [3, 17, 18] { #expect(!y[0, column].isFinite) }
    }

    @Test func learnedPositionsAreAddedFromTheirOffset() {
        let table = normal(7, 5, seed: 1)
        let positions = LearnedPositions(table: Weight(table), offset: 2, place: zeros(1, 5))
        let x = normal(6, 5, seed: 2)
        let before = x.elements
        positions.add(to: x, at: .sequences(offsets: [0, 2, 6]))
        let places = [0, 1, 0, 1, 2, 3]
        for (row, place) in places.enumerated() {
            for column in 0..<5 {
                #expect(x[row, column] == before[5 * row + column] + table[place + 2, column])
            }
        }
        positions.add(to: x.rows(0..<1), at: .single([4]))
        #expect(x[0, 1] == before[1] + table[2, 1] + table[6, 1])
    }
}
