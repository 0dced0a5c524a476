import Testing

@testable import VaccineDrift

/// Laws and hand-computed cases of the metrics of second moments.
@Suite struct MetricTests {
    private let x = Sample(seed: 3, rows: 60, width: 4)
    private let noise = Sample(seed: 4, rows: 60, width: 4)

    private func metrics(_ x: Sample, _ y: Sample) -> MomentMetrics {
        MomentMetrics(PairedMoments(x: x.matrix, y: y.matrix))
    }

    private func value(_ name: String, _ x: Sample, _ y: Sample) throws -> Double {
        let metric = try #require(DriftMetric.all.first { "\($0.name)" == name })
        return try metrics(x, y).value(metric)
    }

    /// y = x · a, [4, 4].
    private func mapped(_ a: [Double], plus shift: Double = 0) -> Sample {
        let values = product(x.matrix, DoubleMatrix(rows: 4, columns: 4, a)).elements
        return Sample(rows: 60, width: 4, values.map { $0 + shift })
    }

    /// Turns the first two axes by 0.3 and swaps the others.
    private var rotation: [Double] {
        let (c, s) = (0.955336489125606, 0.29552020666133955)
        return [c, -s, 0, 0, s, c, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0]
    }

    @Test func `names are distinct and every metric has a source but the one of updates`() {
        let names = DriftMetric.all.map { "\($0.name)" }
        #expect(Set(names).count == names.count)
        let without = DriftMetric.all.filter { !$0.isOfTable && !$0.isOfVector && !$0.isOfPaired }
        #expect(without.map { "\($0.name)" } == ["hed_booster_code"])
    }

    @Test func `a rotation and a shift leave similarity whole`() throws {
        let y = mapped(rotation, plus: 7)
        for name in ["cka", "cka_biased", "cca", "svcca", "pwcca"] {
            expectNear(try value(name, x, y), 1, within: 1e-9)
        }
        for name in ["procrustes", "linear_residual"] {
            expectNear(try value(name, x, y), 0, within: 1e-9)
        }
        // arccos near 1 turns 1e-16 into 1e-8.
        expectNear(try value("procrustes_angle", x, y), 0, within: 1e-7)
    }

    @Test func `an invertible map leaves canonical correlations whole and not CKA`() throws {
        let y = mapped([5, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0.2, 0, 0, 0, 1, 1])
        expectNear(try value("cca", x, y), 1, within: 1e-9)
        expectNear(try value("pwcca", x, y), 1, within: 1e-9)
        expectNear(try value("linear_residual", x, y), 0, within: 1e-9)
        #expect(try value("cka_biased", x, y) < 0.95)
    }

    @Test func `a shift is all of the drift, and along one direction`() throws {
        let y = Sample(rows: 60, width: 4, x.values.map { $0 + 0.5 })
        expectNear(try value("translation_share", x, y), 1, within: 1e-9)
        expectNear(try value("leading_share", x, y), 1, within: 1e-9)
        expectNear(try value("mean_shift", x, y), 1, within: 1e-12)
        expectNear(try value("frechet", x, y), 1, within: 1e-9)
    }

    @Test func `spectra of known covariances`() throws {
        // Rows ± a e_i: Sxx = diag(2 a_i²).
        let scales = [2.0, 1, 1, 0]
        var rows = [Double](repeating: 0, count: 32)
        for row in 0..<8 { rows[row * 4 + row / 2] = scales[row / 2] * (row % 2 == 0 ? 1 : -1) }
        let cross = Sample(rows: 8, width: 4, rows)
        // Shares 4/6, 1/6, 1/6: (Σ)² / Σ² = 36 / 18; entropy log 6 − (4/6) log 4.
        expectNear(try value("participation_ratio_reference", cross, cross), 2, within: 1e-12)
        expectNear(
            try value("effective_rank_reference", cross, cross), 6 / 2.5198420997897464,
            within: 1e-12)
        let spectra = try metrics(cross, cross).spectra(4)
        expectNear(spectra.reference, [4.0 / 6, 1.0 / 6, 1.0 / 6, 0], within: 1e-12)
    }

    @Test func `the leading share is the energy along the best direction`() throws {
        let y = x.plus(noise).plus(Sample(rows: 60, width: 4, (0..<240).map { Double($0 % 4) }))
        let share = try value("leading_share", x, y)
        let delta = Sample(rows: 60, width: 4, zip(y.values, x.values).map { $0 - $1 })
        let eigen = try symmetricEigen(product(delta.matrix, transposed: true, delta.matrix))
        let first = DoubleMatrix(rows: 1, columns: 4, (0..<4).map { eigen.vectors[$0, 0] })
        expectNear(share, try metrics(x, y).energy(along: first), within: 1e-12)
        expectNear(share, eigen.values[0] / eigen.values.reduce(0, +), within: 1e-12)
    }

    @Test func `energies along a basis add up to 1`() throws {
        let y = x.plus(noise, times: 0.3)
        let evaluated = metrics(x, y)
        let parts = try (0..<4).map { axis in
            try evaluated.energy(
                along: DoubleMatrix(rows: 1, columns: 4, (0..<4).map { $0 == axis ? 1 : 0 }))
        }
        expectNear(parts.reduce(0, +), 1, within: 1e-12)
    }

    @Test func `debiased CKA is the unbiased HSIC of the Gram matrices`() throws {
        let y = x.plus(noise)
        // Song et al. 2012, Eq. 5, with diagonals left out.
        func h(_ a: Sample, _ b: Sample) -> Double {
            let n = a.rows
            func gram(_ s: Sample) -> [[Double]] {
                (0..<n).map { i in (0..<n).map { i == $0 ? 0 : dot(s[i], s[$0]) } }
            }
            let (k, l) = (gram(a), gram(b))
            let (ks, ls) = (k.map { $0.reduce(0, +) }, l.map { $0.reduce(0, +) })
            let trace = (0..<n).reduce(0) { $0 + dot(k[$1], l[$1]) }
            let all = ks.reduce(0, +) * ls.reduce(0, +) / Double((n - 1) * (n - 2))
            return trace + all - 2 / Double(n - 2) * dot(ks, ls)
        }
        let expected = h(x, y) / (h(x, x) * h(y, y)).squareRoot()
        expectNear(try value("cka", x, y), expected, within: 1e-10)
    }

    @Test func `too few rows are a reason and not a number`() throws {
        for (name, rows) in [("cka", 3), ("cka_biased", 1), ("cca", 4), ("frechet_null", 4)] {
            let part = x.rows(0..<rows)
            #expect(throws: Undefined.self) { try value(name, part, part) }
        }
        #expect(throws: Undefined.noVariance) { try value("leading_share", x, x) }
        #expect(throws: Undefined.fewerRowsThanWidth) {
            try value("linear_residual", x.rows(0..<4), noise.rows(0..<4))
        }
    }

    @Test func `the jackknife of a mean is its classical standard error`() {
        let values = [1.0, 2, 4, 8, 16]
        let mean = values.reduce(0, +) / 5
        let without = values.map { Result<Double, Undefined>.success((mean * 5 - $0) / 4) }
        let found = jackknife(
            whole: .success(mean), without: without, t: 2, range: -100...100)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4
        expectNear(found.high - mean, 2 * (variance / 5).squareRoot(), within: 1e-12)
        expectNear(mean - found.low, 2 * (variance / 5).squareRoot(), within: 1e-12)
    }

    @Test func `a workspace beyond 32 bits is refused and does not trap`() throws {
        #expect(try lapackCount(1 << 30) == 1 << 30)
        #expect(throws: (any Error).self) { try lapackCount(4 * 23171 * 23171) }
    }
}
