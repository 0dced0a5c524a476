import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@Suite struct LanesTests {
    @Test func exponentialIsWithinTwoUlp() {
        for step in 0..<11_000 {
            let x = -87 + Float(step) * 0.0159
            let expected = exp(Double(x))
            let lanes = Lanes(repeating: x).exponential()
            let ulp = Double(Float(expected).ulp)
            #expect(abs(Double(lanes[0]) - expected) <= 2 * ulp, "at \(x)")
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func exponentialOfNonFiniteIsNaN(x: Float) {
        #expect(Lanes(repeating: x).exponential()[3].isNaN)
    }

    @Test func exponentialSaturatesWithoutInfinity() {
        #expect(Lanes(repeating: 1000).exponential()[0].isFinite)
        #expect(Lanes(repeating: -1000).exponential()[0] < 1e-37)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 100])
    func dotAndSumOfSquaresEqualTheirPlainTwins(count: Int) {
        let a = normal(1, count, seed: 1)
        let b = normal(1, count, seed: 2)
        let expected = zip(a.elements, b.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(Double(dot(a[0], b[0])) - expected) <= 1e-6 * Double(count + 1))
        let squares = a.elements.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(sumOfSquares(a) - squares) <= 1e-14 * max(1, squares))
    }

    @Test func addAddsScaledRows() {
        let a = matrix([1, 2, 3, 4, 5, 6], rows: 2, columns: 3)
        a.add(matrix([10, 20, 30, 40, 50, 60], rows: 2, columns: 3), scale: 0.5)
        #expect(a.elements == [6, 12, 18, 24, 30, 36])
    }
}
