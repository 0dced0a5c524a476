import Testing
import VaccineNumerics

/// Weights against the distribution function, one uniform number at a time.
@Suite struct PoissonWeightTests {
    private func plain(_ uniform: Double) -> Double {
        var probability = 0.36787944117144233
        var (cumulative, count) = (probability, 0.0)
        while uniform >= cumulative && count < 20 {
            count += 1
            probability /= count
            cumulative += probability
        }
        return count
    }

    @Test(arguments: [0, 8, 1_000_000]) func weightsInvertTheDistribution(first: Int) {
        let streams = (0..<400).map { RandomStream(UInt64($0), 3, 7) }
        let found = RandomStream.poissonWeights(streams[100...], first: first, count: 64)
        for (place, stream) in streams[100...].enumerated() {
            for draw in 0..<64 {
                let uniform = stream.uniform(at: first + draw)
                #expect(found[place * 64 + draw] == plain(uniform))
            }
        }
    }

    @Test func theirMeanAndVarianceAreOne() {
        let streams = (0..<5000).map { RandomStream(UInt64($0), 1) }
        let weights = RandomStream.poissonWeights(streams[...], first: 0, count: 40)
        let count = Double(weights.count)
        let mean = weights.reduce(0, +) / count
        let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        // Standard errors: √(1 / n) and √(3 / n), n = 200 000.
        #expect(abs(mean - 1) < 0.01 && abs(variance - 1) < 0.02)
        #expect((weights.max() ?? 0) >= 7)
    }
}
