internal import Glibc

// Similarity of x and y up to a family of maps.
extension MomentMetrics {
    /// h(x, y) / √(h(x, x) · h(y, y)) with the unbiased HSIC estimator h of Song et al. 2012 in feature
    /// space; Kornblith et al. 2019, arXiv:1905.00414, debiased. Signed: at most 1, negative by chance.
    func debiasedCKA() throws(Undefined) -> Double {
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        guard let value = moments.debiasedCKA else { throw .notPositive }
        return value
    }

    /// ‖Sxy‖² / (‖Sxx‖ · ‖Syy‖), in [0, 1]; near 1 for anything when n is not far above d.
    func biasedCKA() throws(Undefined) -> Double {
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        return moments.sxy.squaredNorm
            / (moments.sxx.squaredNorm * moments.syy.squaredNorm).squareRoot()
    }

    /// tr Sxx + tr Syy − 2 ‖Sxy‖∗: the squared distance after the best rotation.
    func procrustes() throws(Undefined) -> Double {
        max(0, traceX + traceY - 2 * (try nuclearNorm()))
    }

    /// arccos(‖Sxy‖∗ / √(tr Sxx · tr Syy)), in [0, π/2]; Williams et al. 2021, arXiv:2110.14739.
    func procrustesAngle() throws(Undefined) -> Double {
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        return acos(min(1, try nuclearNorm() / (traceX * traceY).squareRoot()))
    }

    /// The mean canonical correlation, in [0, 1].
    func meanCCA() throws(Undefined) -> Double { try meanCorrelation(keeping: 1) }

    /// The same after keeping 99 % of each side's variance; Raghu et al. 2017, arXiv:1706.05806.
    func svcca() throws(Undefined) -> Double { try meanCorrelation(keeping: 0.99) }

    private func meanCorrelation(keeping share: Double) throws(Undefined) -> Double {
        let correlations = try canonical(keeping: share, vectors: false).correlations
        return correlations.reduce(0, +) / Double(correlations.count)
    }

    /// Canonical correlations weighted by what they explain of x; Morcos et al. 2018, arXiv:1806.05759.
    func pwcca() throws(Undefined) -> Double {
        let (correlations, directions) = try canonical(keeping: 1, vectors: true)
        // Canonical variates of x are Xc · W; their products with the columns of Xc are Wᵀ · Sxx.
        let variates = product(directions, transposed: true, moments.sxx)
        let weights = (0..<variates.rows).map { row in
            (0..<variates.columns).reduce(0) { $0 + abs(variates[row, $1]) }
        }
        return dot(weights, correlations) / weights.reduce(0, +)
    }

    /// Canonical correlations and, if asked for, their directions among x's columns.
    private func canonical(
        keeping share: Double, vectors: Bool
    ) throws(Undefined) -> (correlations: [Double], directions: DoubleMatrix) {
        let (wx, wy) = (
            try whitening(.reference, keeping: share), try whitening(.current, keeping: share)
        )
        let cross = product(product(wx, transposed: true, moments.sxy), wy)
        let decomposed: SingularValues
        do { decomposed = try singularValues(cross, vectors: vectors) } catch {
            throw .noConvergence
        }
        return (
            decomposed.values.map { min($0, 1) }, vectors ? product(wx, decomposed.left) : wx
        )
    }

    /// The share of y's variance that no linear map of x gives, in [0, 1].
    func linearResidual() throws(Undefined) -> Double {
        guard traceY > 0 else { throw .noVariance }
        let explained = product(try whitening(.reference), transposed: true, moments.sxy)
        return min(1, max(0, 1 - explained.squaredNorm / traceY))
    }

    /// ‖Uxᵀ Uy‖² / k of the k = min(10, d, n − 1) leading principal directions, in [0, 1].
    func subspaceOverlap() throws(Undefined) -> Double {
        let (x, y) = try subspaces()
        return min(1, product(x, transposed: true, y).squaredNorm / Double(x.columns))
    }

    /// The largest angle between those subspaces, in [0, π/2].
    ///
    /// From its cosine, the least singular value of XᵀY, and its sine, the largest of Y − X·XᵀY: exact for
    /// small angles too.
    func principalAngle() throws(Undefined) -> Double {
        let (x, y) = try subspaces()
        let overlap = product(x, transposed: true, y)
        var rest = y
        for (index, value) in product(x, overlap).elements.enumerated() {
            rest.elements[index] -= value
        }
        do {
            let cosine = try singularValues(overlap).values.last ?? 1
            let sine = try singularValues(rest).values.first ?? 0
            return atan2(sine, cosine)
        } catch {
            throw .noConvergence
        }
    }

    /// The leading principal directions of both sides, as columns.
    private func subspaces() throws(Undefined) -> (DoubleMatrix, DoubleMatrix) {
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        let rank = min(MomentMetrics.subspaceRank, moments.width, Int(n) - 1)
        return (
            try eigen(.reference).vectors.firstColumns(rank),
            try eigen(.current).vectors.firstColumns(rank)
        )
    }
}

extension PairedMoments {
    /// h(x, y) / √(h(x, x) · h(y, y)), with
    /// ```
    /// h(x, y) = ‖Sxy‖² − n / (n − 2) · Σ|x|²|y|² + tr Sxx · tr Syy / ((n − 1)(n − 2))
    /// ```
    /// nil for fewer than four rows or where a side's own h is not positive.
    var debiasedCKA: Double? {
        let n = count
        guard n >= 4 else { return nil }
        func h(_ s: DoubleMatrix, _ products: Double, _ first: Double, _ second: Double) -> Double {
            s.squaredNorm - n / (n - 2) * products + first * second / ((n - 1) * (n - 2))
        }
        let (traceX, traceY) = (sxx.trace, syy.trace)
        let (xx, yy) = (h(sxx, aa, traceX, traceX), h(syy, bb, traceY, traceY))
        guard xx > 0, yy > 0 else { return nil }
        return h(sxy, ab, traceX, traceY) / (xx * yy).squareRoot()
    }
}
