internal import Glibc

/// Evaluates metrics of one pair of moments; what several of them need is computed once.
struct MomentMetrics {
    let moments: PairedMoments
    private let eigenX: Eigen
    private let eigenY: Eigen
    private let nuclear: Double

    /// Eigenvalues below this share of the largest are taken for rounding.
    private static let tolerance = 1e-12
    static let subspaceRank = 10

    init(_ moments: PairedMoments) throws(Undefined) {
        self.moments = moments
        do {
            eigenX = try symmetricEigen(moments.sxx)
            eigenY = try symmetricEigen(moments.syy)
            nuclear = try singularValues(moments.sxy).values.reduce(0, +)
        } catch {
            throw .noConvergence
        }
    }

    private var n: Double { moments.count }
    private var traceX: Double { moments.sxx.trace }
    private var traceY: Double { moments.syy.trace }
    private var shift: [Double] { zip(moments.meanY, moments.meanX).map { $0 - $1 } }

    /// - Throws: why the metric is not defined here.
    func value(_ metric: MomentMetric) throws(Undefined) -> Double {
        guard n >= 2 else { throw .fewRows }
        switch metric {
        case .meanShift: return dot(shift, shift).squareRoot()
        case .translationShare: return try translationShare()
        case .mahalanobis: return try mahalanobis()
        case .effectiveRankReference: return try effectiveRank(eigenX)
        case .effectiveRankCurrent: return try effectiveRank(eigenY)
        case .participationRatioReference: return try participation(moments.sxx)
        case .participationRatioCurrent: return try participation(moments.syy)
        case .cka: return try debiasedCKA()
        case .ckaBiased: return try biasedCKA()
        case .procrustes: return max(0, traceX + traceY - 2 * nuclear)
        case .procrustesAngle:
            guard traceX > 0, traceY > 0 else { throw .noVariance }
            return acos(min(1, nuclear / (traceX * traceY).squareRoot()))
        case .cca, .svcca, .pwcca: return try canonicalCorrelation(metric)
        case .linearResidual: return try linearResidual()
        case .frechet: return try frechet()
        case .frechetNull: return try frechetNull()
        case .subspaceOverlap: return try subspaceOverlap()
        case .principalAngle: return try principalAngle()
        }
    }

    /// The leading eigenvalues of both sides, as shares of the trace.
    func spectra(_ count: Int) -> (reference: [Double], current: [Double]) {
        func shares(_ eigen: Eigen, _ trace: Double) -> [Double] {
            eigen.values.prefix(count).map { trace > 0 ? max($0, 0) / trace : 0 }
        }
        return (shares(eigenX, traceX), shares(eigenY, traceY))
    }

    /// The share of Σ|y − x|² along orthonormal directions, rows of `directions`.
    func energy(along directions: DoubleMatrix) throws(Undefined) -> Double {
        guard n >= 1 else { throw .fewRows }
        let total = squaredDistance
        guard total > 0 else { throw .noVariance }
        var along = 0.0
        for row in 0..<directions.rows {
            let u = (0..<directions.columns).map { directions[row, $0] }
            along +=
                dot(u, moments.sxx.times(u)) + dot(u, moments.syy.times(u))
                - 2 * dot(u, moments.sxy.times(u)) + n * dot(u, shift) * dot(u, shift)
        }
        return min(1, max(0, along / total))
    }
}

// MARK: - The metrics

extension MomentMetrics {
    /// Σ|y − x|².
    private var squaredDistance: Double {
        traceX + traceY - 2 * moments.sxy.trace + n * dot(shift, shift)
    }

    private func translationShare() throws(Undefined) -> Double {
        guard squaredDistance > 0 else { throw .noVariance }
        return min(1, n * dot(shift, shift) / squaredDistance)
    }

    private func mahalanobis() throws(Undefined) -> Double {
        guard n > Double(moments.width) else { throw .fewerRowsThanWidth }
        let whitened = product(
            try whitening(eigenX), transposed: true,
            DoubleMatrix(rows: moments.width, columns: 1, shift))
        return (whitened.squaredNorm * (n - 1)).squareRoot()
    }

    private func effectiveRank(_ eigen: Eigen) throws(Undefined) -> Double {
        let values = eigen.values.map { max($0, 0) }
        let trace = values.reduce(0, +)
        guard trace > 0 else { throw .noVariance }
        return exp(
            values.reduce(0) { sum, value in
                let share = value / trace
                return share > 0 ? sum - share * log(share) : sum
            })
    }

    private func participation(_ s: DoubleMatrix) throws(Undefined) -> Double {
        guard s.trace > 0 else { throw .noVariance }
        return s.trace * s.trace / s.squaredNorm
    }

    private func biasedCKA() throws(Undefined) -> Double {
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        return moments.sxy.squaredNorm
            / (moments.sxx.squaredNorm * moments.syy.squaredNorm).squareRoot()
    }

    private func debiasedCKA() throws(Undefined) -> Double {
        guard n >= 4 else { throw .fewRows }
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        guard let value = moments.debiasedCKA else { throw .notPositive }
        return value
    }

    /// V · diag(λ^−½) of the eigenvalues that are not rounding.
    private func whitening(_ eigen: Eigen, keeping share: Double = 1) throws(Undefined)
        -> DoubleMatrix
    {
        let kept = try kept(eigen, share)
        return eigen.vectors.firstColumns(kept).scalingColumns(
            eigen.values.prefix(kept).map { 1 / $0.squareRoot() })
    }

    /// How many leading eigenvalues make up the share of the trace, without those that are rounding.
    private func kept(_ eigen: Eigen, _ share: Double) throws(Undefined) -> Int {
        guard let largest = eigen.values.first, largest > 0 else { throw .noVariance }
        let positive = eigen.values.prefix { $0 > largest * MomentMetrics.tolerance }
        let trace = positive.reduce(0, +)
        var sum = 0.0
        for (index, value) in positive.enumerated() {
            sum += value
            if sum >= share * trace { return share < 1 ? index + 1 : positive.count }
        }
        return positive.count
    }

    private func canonicalCorrelation(_ metric: MomentMetric) throws(Undefined) -> Double {
        guard n > Double(moments.width) else { throw .fewerRowsThanWidth }
        let share = metric == .svcca ? 0.99 : 1
        let (wx, wy) = (
            try whitening(eigenX, keeping: share), try whitening(eigenY, keeping: share)
        )
        let cross = product(product(wx, transposed: true, moments.sxy), wy)
        let decomposed: SingularValues
        do { decomposed = try singularValues(cross, vectors: metric == .pwcca) } catch {
            throw .noConvergence
        }
        let correlations = decomposed.values.map { min($0, 1) }
        guard metric == .pwcca else {
            return correlations.reduce(0, +) / Double(correlations.count)
        }
        // Canonical variates of x are Xc · W; their products with the columns of Xc are Wᵀ · Sxx.
        let variates = product(product(wx, decomposed.left), transposed: true, moments.sxx)
        let weights = (0..<variates.rows).map { row in
            (0..<variates.columns).reduce(0) { $0 + abs(variates[row, $1]) }
        }
        return dot(weights, correlations) / weights.reduce(0, +)
    }

    private func linearResidual() throws(Undefined) -> Double {
        guard n > Double(moments.width) else { throw .fewerRowsThanWidth }
        guard traceY > 0 else { throw .noVariance }
        let explained = product(try whitening(eigenX), transposed: true, moments.sxy).squaredNorm
        return min(1, max(0, 1 - explained / traceY))
    }

    private func frechet() throws(Undefined) -> Double {
        let roots = eigenX.values.map { max($0, 0).squareRoot() }
        let halves = eigenX.vectors.scalingColumns(roots)
        let inner = product(product(halves, transposed: true, moments.syy), halves)
        let eigen: Eigen
        do { eigen = try symmetricEigen(inner, vectors: false) } catch { throw .noConvergence }
        let cross = eigen.values.reduce(0) { $0 + max($1, 0).squareRoot() }
        return max(0, dot(shift, shift) + (traceX + traceY - 2 * cross) / (n - 1))
    }

    /// E|Δm|² = 2 tr C / n, and the Bures distance of two Wishart matrices to second order in their
    /// difference, ½ Σ |ΔCᵢⱼ|² / (λᵢ + λⱼ) with Var ΔCᵢⱼ = 2 λᵢλⱼ (1 + δᵢⱼ) / (n − 1).
    private func frechetNull() throws(Undefined) -> Double {
        guard n > Double(moments.width) else { throw .fewerRowsThanWidth }
        let values = eigenX.values.map { max($0, 0) / (n - 1) }
        var bures = values.reduce(0) { $0 + $1 / 2 }
        for first in values where first > 0 {
            for second in values where second > 0 { bures += first * second / (first + second) }
        }
        return 2 * values.reduce(0, +) / n + bures / (n - 1)
    }

    /// The leading principal directions of both sides, as columns.
    private func subspaces() throws(Undefined) -> (DoubleMatrix, DoubleMatrix) {
        guard traceX > 0, traceY > 0 else { throw .noVariance }
        let rank = min(MomentMetrics.subspaceRank, moments.width, Int(n) - 1)
        return (eigenX.vectors.firstColumns(rank), eigenY.vectors.firstColumns(rank))
    }

    private func subspaceOverlap() throws(Undefined) -> Double {
        let (x, y) = try subspaces()
        return min(1, product(x, transposed: true, y).squaredNorm / Double(x.columns))
    }

    /// From its cosine, the least singular value of XᵀY, and its sine, the largest of Y − X·XᵀY: exact for
    /// small angles too.
    private func principalAngle() throws(Undefined) -> Double {
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
