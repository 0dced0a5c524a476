import Testing
import VaccineNumerics
import _TestSupport

@Suite struct RandomTests {
    @Test func streamsAreFunctionsOfTheirCoordinates() {
        #expect(RandomStream(1, 2).word(at: 5) == RandomStream(1, 2).word(at: 5))
        let others = [
            RandomStream(1, 2), RandomStream(2, 1), RandomStream(1), RandomStream(1, 2, 0),
        ]
        #expect(Set(others.map { $0.word(at: 5) }).count == 4)
        #expect(RandomStream(1).substream(0) != RandomStream(1).substream(1))
    }

    @Test func normalNumbersHaveTheirMoments() {
        let stream = RandomStream(7)
        let count = 200_000
        let values = (0..<count).map { Double(stream.normal(at: $0)) }
        let mean = values.reduce(0, +) / Double(count)
        let variance = values.reduce(0) { $0 + $1 * $1 } / Double(count)
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(count)
        // Standard errors: 1/√n, √2/√n, √96/√n; four of each.
        let error = 4 / Double(count).squareRoot()
        #expect(abs(mean) < error)
        #expect(abs(variance - 1) < 1.42 * error)
        #expect(abs(fourth - 3) < 9.8 * error)
    }

    @Test(arguments: [0.1, 0.25, 0.5])
    func dropoutKeepsTheExpectationAndDropsItsShare(probability: Double) {
        let dropout = Dropout(probability: probability, stream: RandomStream(3))
        let (rows, columns) = (400, 500)
        let ones = zeros(1, columns)
        ones.fill(1)
        let out = zeros(1, columns)
        var (dropped, total) = (0, 0.0)
        for row in 0..<rows {
            var target = out.mutable(0)
            dropout.apply(to: ones[0], row: row, into: &target)
            for value in out.elements {
                #expect(value == 0 || value == dropout.scale)
                dropped += value == 0 ? 1 : 0
                total += Double(value)
            }
        }
        let count = Double(rows * columns)
        let error = 4 * (probability * (1 - probability) / count).squareRoot()
        #expect(abs(Double(dropped) / count - probability) < error)
        #expect(abs(total / count - 1) < error / (1 - probability))
    }

    @Test func dropoutMaskIsTheSameWhereverItIsDrawn() {
        let dropout = Dropout(probability: 0.5, stream: RandomStream(9))
        let ones = zeros(1, 40)
        ones.fill(1)
        let out = zeros(1, 40)
        var target = out.mutable(0)
        dropout.apply(to: ones[0], row: 12, into: &target)
        let row = dropout.row(12)
        let drawn = (0..<3).flatMap { block -> [Float] in
            let factors = dropout.factors(row: row, block: block)
            return (0..<16).map { factors[$0] }
        }
        #expect(out.elements == Array(drawn.prefix(40)))
    }
}
