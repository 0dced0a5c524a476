import Testing
import VaccineNumerics

@testable import VaccineDrift

/// Columns, projections, classifiers and layer maps: hand-computed cases and laws.
@Suite struct UnpairedTests {
    private let x = Sample(seed: 31, rows: 40, width: 3)
    private let y = Sample(seed: 32, rows: 30, width: 3, mean: 1)

    @Test func `the Kolmogorov–Smirnov statistic of a hand-computed column, ties included`() throws
    {
        let first = Sample(rows: 4, width: 1, [1, 2, 2, 5])
        let second = Sample(rows: 5, width: 1, [2, 3, 4, 4, 6])
        // At 2: 3/4 against 1/5.
        let found = try kolmogorovSmirnov(first.embeddings, second.embeddings, interruption: .none)
        expectNear(found.statistics, [0.55], within: 1e-15)
        // Q(λ) = 2 Σ (−1)^(k−1) exp(−2 k² λ²) at λ = √(20/9) · 0.55 is 0.512144…
        expectNear(found.pValues, [0.5121439569893602], within: 1e-9)
        let same = try kolmogorovSmirnov(first.embeddings, first.embeddings, interruption: .none)
        #expect(same.statistics == [0] && same.pValues == [1])
    }

    @Test func `statistics do not depend on a growing map of a column`() throws {
        func grown(_ s: Sample) -> Sample {
            Sample(rows: s.rows, width: 3, s.values.map { $0 * $0 * $0 + 5 * $0 })
        }
        let (first, second) = (grown(x), grown(y))
        let found = try kolmogorovSmirnov(first.embeddings, second.embeddings, interruption: .none)
        let plain = try kolmogorovSmirnov(x.embeddings, y.embeddings, interruption: .none)
        #expect(found.statistics == plain.statistics)
    }

    @Test(arguments: [1, 2]) func `moving a set moves it by as much`(power: Int) throws {
        let column = Sample(seed: 33, rows: 25, width: 1)
        let moved = Sample(rows: 25, width: 1, column.values.map { $0 + 0.75 })
        let found = try slicedWasserstein(
            column.embeddings, moved.embeddings, projections: 4, power: power, seed: 0,
            interruption: .none)
        expectNear(found, [Double](repeating: power == 1 ? 0.75 : 0.5625, count: 4), within: 1e-12)
    }

    @Test func `sets of unequal sizes are compared by their quantiles`() throws {
        // F⁻¹ is 0 then 1, G⁻¹ is 0, 0, 3: |difference| 0 on 1/2, 1 on 1/6, 2 on 1/3.
        let first = Sample(rows: 2, width: 1, [0, 1])
        let second = Sample(rows: 3, width: 1, [0, 3, 0])
        let found = try slicedWasserstein(
            first.embeddings, second.embeddings, projections: 1, power: 1, seed: 0,
            interruption: .none)
        expectNear(found, [1.0 / 6 + 2.0 / 3], within: 1e-12)
    }

    @Test func `scores of separated sets are apart, and of one constant column are not`() throws {
        let far = Sample(rows: 30, width: 3, y.values.map { $0 + 20 })
        let folds = (0..<70).map { $0 % 5 }
        let scores = try classifierScores(
            x.embeddings, far.embeddings, folds: folds, count: 5, interruption: .none)
        let (first, second) = (scores[..<40], scores[40...])
        #expect((first.max() ?? .infinity) < (second.min() ?? -.infinity))
        let flat = Sample(rows: 40, width: 1, [Double](repeating: 0.1, count: 40))
        let other = Sample(rows: 30, width: 1, [Double](repeating: 0.1, count: 30))
        let same = try classifierScores(
            flat.embeddings, other.embeddings, folds: folds, count: 5, interruption: .none)
        for fold in 0..<5 {
            let own = Set(same.indices.filter { folds[$0] == fold }.map { same[$0] })
            #expect(own.count == 1)
        }
    }

    @Test func `scores do not depend on the columns' units`() throws {
        let folds = (0..<70).map { $0 % 3 }
        func scores(_ scale: Double, _ shift: Double) throws -> [Double] {
            let parts = [x, y].map { sample in
                Sample(
                    rows: sample.rows, width: 3, sample.values.map { $0 * scale + shift })
            }
            return try classifierScores(
                parts[0].embeddings, parts[1].embeddings, folds: folds, count: 3,
                interruption: .none)
        }
        expectNear(try scores(1e6, -3e5), try scores(1, 0), within: 1e-7)
    }

    @Test func `a layer that did not move is like itself, and a lost one is not defined`() throws {
        // Sketches of two layers: mean x and mean δ of 12 prompts, 4 directions.
        let stream = RandomStream(34)
        func sketches(offset: Float) -> [Float] {
            (0..<12 * 2 * 2 * 4).map { place in
                place / 4 % 2 == 0 ? offset + stream.normal(at: place) : 0
            }
        }
        let map = try layerMap(
            means: sketches(offset: 0), prompts: 12, layers: 2, interruption: .none)
        expectNear([map[0], map[3]], [1, 1], within: 1e-9)
        expectNear(map[1], map[2], within: 1e-9)
        #expect(map[1] < 0.9)
        let lost = try layerMap(
            means: sketches(offset: 1e6), prompts: 12, layers: 2, interruption: .none)
        #expect(lost.count { $0.isNaN } == 4)
    }
}
