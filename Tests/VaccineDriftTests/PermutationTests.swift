import Testing
import VaccineNumerics

@testable import VaccineDrift

/// What draws must keep, and statistics of every draw against plain ones.
@Suite struct PermutationTests {
    @Test(arguments: [1, 2, 7, 100]) func `relabelled rows keep their counts`(draw: Int) {
        let labels = Relabelling.rows.labels(draw: draw, countX: 12, count: 30, seed: 1)
        #expect(labels.count { $0 } == 12)
        #expect(labels != Relabelling.rows.labels(draw: draw + 1, countX: 12, count: 30, seed: 1))
    }

    @Test func `the first draw is the observed labelling`() {
        for kind in [Relabelling.rows, .groups([0, 0, 1, 2]), .swaps([0, 1, 0, 1])] {
            let labels = kind.labels(draw: 0, countX: 2, count: 4, seed: 3)
            #expect(labels == [true, true, false, false])
        }
    }

    @Test func `groups move as a whole`() {
        let groups = [0, 0, 1, 1, 1, 2, 3, 3]
        var seen: Set<[Bool]> = []
        for draw in 1...200 {
            let labels = Relabelling.groups(groups).labels(draw: draw, countX: 5, count: 8, seed: 0)
            let sides = (0..<4).map { group in
                Set(zip(groups, labels).filter { $0.0 == group }.map(\.1))
            }
            #expect(sides.allSatisfy { $0.count == 1 })
            #expect(sides.count { $0 == [true] } == 2)
            seen.insert(labels)
        }
        #expect(seen.count == 6)
    }

    @Test func `swaps turn both sides of a group`() {
        let groups = [0, 1, 2, 0, 1, 2]
        var seen: Set<[Bool]> = []
        for draw in 1...200 {
            let labels = Relabelling.swaps(groups).labels(draw: draw, countX: 3, count: 6, seed: 0)
            for group in 0..<3 { #expect(labels[group] != labels[group + 3]) }
            seen.insert(labels)
        }
        #expect(seen.count == 8)
    }

    @Test func `the energy distance of every draw is that of its labels`() throws {
        let x = Sample(seed: 11, rows: 9, width: 3)
        let y = Sample(seed: 12, rows: 6, width: 3)
        let pairs = try PairSums(x.embeddings, y.embeddings)
        let test = try TwoSampleTest(
            pairs, countX: 9, kernel: .negativeDistance, relabelling: .rows, draws: 40,
            unbiased: false, paired: false, seed: 5, memory: 1 << 28, interruption: .none)
        let rows = (0..<9).map { x[$0] } + (0..<6).map { y[$0] }
        for draw in 0...40 {
            let labels = Relabelling.rows.labels(draw: draw, countX: 9, count: 15, seed: 5)
            func mean(_ a: Bool, _ b: Bool) -> Double {
                let (first, second) = (
                    rows.indices.filter { labels[$0] == a }, rows.indices.filter { labels[$0] == b }
                )
                let sum = first.reduce(0) { sum, i in
                    second.reduce(sum) { $0 + squaredDistance(rows[i], rows[$1]).squareRoot() }
                }
                return sum / Double(first.count * second.count)
            }
            let expected = 2 * mean(true, false) - mean(true, true) - mean(false, false)
            #expect(abs(test.statistics[draw] - expected) < 1e-6)
        }
    }

    @Test func `sign flips are norms of flipped means`() throws {
        let deltas = (0..<10 * 16).map { Float(RandomStream(21).normal(at: $0)) }
        let keys = (0..<10).map { UInt64(100 + $0) }
        for outlier in [Float(1), 1e7] {
            var deltas = deltas
            for column in 0..<8 { deltas[column] *= outlier }
            let found = try signFlipNorms(
                deltas: deltas, layers: 2, keys: keys, draws: 70, seed: 4, interruption: .none)
            for draw in 0...70 {
                var squares = [0.0, 0.0]
                for column in 0..<16 {
                    let sum = (0..<10).reduce(0.0) { sum, prompt in
                        let sign = PromptKey(value: keys[prompt]).sign(4, draw: draw)
                        return sum + Double(draw == 0 ? 1 : sign)
                            * Double(deltas[prompt * 16 + column])
                    }
                    squares[column / 8] += sum * sum
                }
                let norms = squares.map { $0.squareRoot() / 10 }
                let all = squares.reduce(0, +).squareRoot() / 10
                for (place, expected) in (norms + [all]).enumerated() {
                    #expect(abs(found[draw * 3 + place] - expected) <= 1e-6 * expected)
                }
            }
        }
    }

    @Test func `draws of prompts are fair`() {
        let keys = (0..<4000).map { PromptKey(value: UInt64($0)) }
        let signs = keys.reduce(0.0) { $0 + Double($1.sign(0, draw: 3)) }
        #expect(abs(signs) < 4 * 4000.0.squareRoot())
        let weights = keys.map { $0.weight(0, draw: 3) }
        let mean = weights.reduce(0, +) / 4000
        let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000
        // Poisson(1): mean 1, variance 1, and its standard error over 4000 draws 0.016 and 0.027.
        #expect(abs(mean - 1) < 0.064)
        #expect(abs(variance - 1) < 0.11)
        #expect(Set(keys.map { $0.fold(of: 7) }) == Set(0..<7))
    }

    @Test func `a table's metrics are those of its sums`() throws {
        // Two prompts of one layer: rows, Σ|δ|², Σ|x|², Σ|y|², Σ x·y, Σ|δ|, Σ cos.
        let table = [2, 8, 32, 0, 0, 4, 1.5, 1, 10, 18, 0, 0, 5, 0.5]
        let found = try tableMetrics(
            table: table, layers: 1, width: 3, keys: [1, 2], draws: 50, confidence: 0.9, seed: 0,
            interruption: .none)
        let names = DriftMetric.ofTable.map { "\($0.name)" }
        let expected = [
            "relative_drift": (18.0 / 50).squareRoot(), "rms": 2.0.squareRoot(), "mean_l2": 3,
            "cosine": 2.0 / 3, "hed_paper": 18.0.squareRoot(), "hed_vaccine_code": 18,
        ]
        for (name, value) in expected {
            let place = try #require(names.firstIndex(of: name))
            expectNear(found[place].value, value, within: 1e-14)
            // One layer: all together is the same.
            expectNear(found[names.count + place].value, value, within: 1e-14)
            #expect(found[place].low <= value && value <= found[place].high)
        }
        let drift = try #require(DriftMetric.all.first { "\($0.name)" == "relative_drift" })
        let each = promptMetric(drift, table: table, layers: 1, width: 3)
        expectNear(
            each, [0.5, 0.5, (10.0 / 18).squareRoot(), (10.0 / 18).squareRoot()], within: 1e-14)
    }

    @Test func `the median of few and many`() {
        var odd = [3.0, 1, 2]
        var even = [4.0, 1, 3, 2]
        #expect(median(&odd) == 2)
        #expect(median(&even) == 2.5)
        var many = (0..<1001).map { Double(($0 * 571) % 1001) }
        #expect(median(&many) == 500)
        #expect(quantile([0, 10, 20], 0.25) == 5)
    }
}

/// Draws of one prompt by itself.
extension PromptKey {
    fileprivate func sign(_ seed: UInt64, draw: Int) -> Float {
        signs(seed, block: draw / 64) >> UInt64(draw % 64) & 1 == 0 ? 1 : -1
    }

    fileprivate func weight(_ seed: UInt64, draw: Int) -> Double {
        let eight = RandomStream.poissonWeights([weights(seed)], first: draw / 8 * 8, count: 8)
        return eight[draw % 8]
    }
}
