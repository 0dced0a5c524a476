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
        let (ones, out) = (zeros(rows, columns), zeros(rows, columns))
        ones.fill(1)
        dropout.apply(to: ones, firstRow: 0, into: out)
        var (dropped, total) = (0, 0.0)
        for value in out.elements {
            #expect(value == 0 || value == dropout.scale)
            dropped += value == 0 ? 1 : 0
            total += Double(value)
        }
        let count = Double(rows * columns)
        let error = 4 * (probability * (1 - probability) / count).squareRoot()
        #expect(abs(Double(dropped) / count - probability) < error)
        #expect(abs(total / count - 1) < error / (1 - probability))
    }

    @Test(arguments: [5, 16, 40, 64])
    func dropoutMaskFollowsItsWords(columns: Int) {
        let stream = RandomStream(9)
        let dropout = Dropout(probability: 0.5, stream: stream)
        let (ones, out) = (zeros(3, columns), zeros(3, columns))
        ones.fill(1)
        dropout.apply(to: ones, firstRow: 11, into: out)
        for row in 0..<3 {
            let words = stream.substream(11 + row)
            for column in 0..<columns {
                let (lane, high) = (column % 8, column / 8 % 2)
                let word = words.word(at: column / 16 * 4 + lane / 2)
                let bits = word >> UInt64(32 * (lane % 2) + 16 * high) & 0xFFFF
                let expected = bits < UInt64(dropout.threshold) ? 0 : dropout.scale
                #expect(out[row, column] == expected)
            }
        }
    }

    @Test func expansionThroughAMaskIsTheMaskTimesTheExpansion() {
        let dropout = Dropout(probability: 0.25, stream: RandomStream(4))
        let (u, a) = (normal(6, 5, seed: 1), normal(5, 70, seed: 2))
        let (plain, masked, through) = (zeros(6, 70), zeros(6, 70), zeros(6, 70))
        expand(u, over: a, addingTo: plain)
        dropout.apply(to: plain, firstRow: 3, into: masked)
        expand(u, over: a, through: dropout, firstRow: 3, addingTo: through)
        #expect(relativeError(through.elements, masked.elements) < 1e-6)
    }

    @Test(arguments: [3, 8]) func gradientThroughAMaskIsTheGradientFromMaskedRows(rank: Int) {
        let dropout = Dropout(probability: 0.25, stream: RandomStream(4))
        let (u, x) = (normal(6, rank, seed: 1), normal(6, 70, seed: 2))
        let (masked, expected, through) = (zeros(6, 70), zeros(rank, 70), zeros(rank, 70))
        dropout.apply(to: x, firstRow: 0, into: masked)
        accumulateOuter(u, masked, scale: 2, into: expected)
        for columns in [0..<32, 32..<70] {
            accumulateOuter(
                u, x.columns(columns), scale: 2, through: dropout,
                firstColumn: columns.lowerBound, into: through.columns(columns))
        }
        #expect(through.elements == expected.elements)
    }
}
