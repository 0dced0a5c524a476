internal import Glibc

/// Evaluates metrics of one pair of moments. What several of them need is computed once, and only when one
/// of them is asked for.
///
/// Notation: n rows, width d; centred rows x, y with Sxx = Σ x xᵀ and so on; mean difference m.
final class MomentMetrics {
    let moments: PairedMoments
    private var eigen: [Side: Eigen] = [:]
    private var nuclear: Double?

    /// Eigenvalues below this share of the largest are taken for rounding.
    static let tolerance = 1e-12
    static let subspaceRank = 10

    init(_ moments: PairedMoments) { self.moments = moments }

    /// - Throws: why the metric is not defined here.
    func value(_ metric: DriftMetric) throws(Undefined) -> Double {
        switch metric.need {
        case .rows(let count): guard n >= Double(count) else { throw .fewRows }
        case .moreRowsThanColumns:
            guard n >= 2 else { throw .fewRows }
            guard n > Double(moments.width) else { throw .fewerRowsThanWidth }
        }
        guard let paired = metric.paired else { throw .fewRows }
        return try paired(self)()
    }

    enum Side { case reference, current }

    /// Of Sxx or Syy.
    func eigen(_ side: Side) throws(Undefined) -> Eigen {
        if let known = eigen[side] { return known }
        do {
            let found = try symmetricEigen(side == .reference ? moments.sxx : moments.syy)
            eigen[side] = found
            return found
        } catch {
            throw .noConvergence
        }
    }

    /// ‖Sxy‖∗.
    func nuclearNorm() throws(Undefined) -> Double {
        if let nuclear { return nuclear }
        do {
            let found = try singularValues(moments.sxy).values.reduce(0, +)
            nuclear = found
            return found
        } catch {
            throw .noConvergence
        }
    }

    var n: Double { moments.count }
    var traceX: Double { moments.sxx.trace }
    var traceY: Double { moments.syy.trace }
    var shift: [Double] { zip(moments.meanY, moments.meanX).map { $0 - $1 } }

    /// Σ|y − x|².
    var squaredDistance: Double {
        traceX + traceY - 2 * moments.sxy.trace + n * dot(shift, shift)
    }

    /// The leading eigenvalues of both sides, as shares of the trace.
    func spectra(_ count: Int) throws(Undefined) -> (reference: [Double], current: [Double]) {
        guard count > 0 else { return ([], []) }
        func shares(_ eigen: Eigen, _ trace: Double) -> [Double] {
            eigen.values.prefix(count).map { trace > 0 ? max($0, 0) / trace : 0 }
        }
        return (shares(try eigen(.reference), traceX), shares(try eigen(.current), traceY))
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

// MARK: - Means and spectra

extension MomentMetrics {
    /// |m|.
    func meanShift() throws(Undefined) -> Double { dot(shift, shift).squareRoot() }

    /// n |m|² / Σ |y − x|², in [0, 1]: how much of the drift is one common translation.
    func translationShare() throws(Undefined) -> Double {
        guard squaredDistance > 0 else { throw .noVariance }
        return min(1, n * dot(shift, shift) / squaredDistance)
    }

    /// The largest eigenvalue of Σ δδᵀ over its trace, in [1/d, 1]: how much of the drift is along one
    /// direction. Σ δδᵀ = Sxx + Syy − Sxy − Sxyᵀ + n m mᵀ, which loses digits where δ is below 10⁻⁶ of x.
    func leadingShare() throws(Undefined) -> Double {
        guard squaredDistance > 0 else { throw .noVariance }
        var scatter = moments.sxx
        scatter.add(moments.syy)
        for row in 0..<moments.width {
            for column in 0..<moments.width {
                scatter[row, column] -= moments.sxy[row, column] + moments.sxy[column, row]
            }
        }
        scatter.addOuter(n, shift, shift)
        do {
            let largest = try symmetricEigen(scatter, vectors: false).values.first ?? 0
            return min(1, max(0, largest / squaredDistance))
        } catch {
            throw .noConvergence
        }
    }

    /// √(mᵀ Cx⁻¹ m) with x's covariance; needs n > d.
    func mahalanobis() throws(Undefined) -> Double {
        guard n > Double(moments.width) else { throw .fewerRowsThanWidth }
        let whitened = product(
            try whitening(.reference), transposed: true,
            DoubleMatrix(rows: moments.width, columns: 1, shift))
        return (whitened.squaredNorm * (n - 1)).squareRoot()
    }

    func effectiveRankOfReference() throws(Undefined) -> Double { try effectiveRank(.reference) }
    func effectiveRankOfCurrent() throws(Undefined) -> Double { try effectiveRank(.current) }

    /// exp of the entropy of the spectrum, in [1, d]; Roy & Vetterli 2007.
    private func effectiveRank(_ side: Side) throws(Undefined) -> Double {
        let values = try eigen(side).values.map { max($0, 0) }
        let trace = values.reduce(0, +)
        guard trace > 0 else { throw .noVariance }
        return exp(
            values.reduce(0) { sum, value in
                let share = value / trace
                return share > 0 ? sum - share * log(share) : sum
            })
    }

    func participationRatioOfReference() throws(Undefined) -> Double {
        try participation(moments.sxx)
    }
    func participationRatioOfCurrent() throws(Undefined) -> Double {
        try participation(moments.syy)
    }

    /// (tr S)² / ‖S‖², in [1, d].
    private func participation(_ s: DoubleMatrix) throws(Undefined) -> Double {
        guard s.trace > 0 else { throw .noVariance }
        return s.trace * s.trace / s.squaredNorm
    }

    /// The Fréchet distance of the two Gaussians with these moments; Dowson & Landau 1982.
    func frechet() throws(Undefined) -> Double {
        let eigenX = try eigen(.reference)
        let roots = eigenX.values.map { max($0, 0).squareRoot() }
        let halves = eigenX.vectors.scalingColumns(roots)
        let inner = product(product(halves, transposed: true, moments.syy), halves)
        let eigen: Eigen
        do { eigen = try symmetricEigen(inner, vectors: false) } catch { throw .noConvergence }
        let cross = eigen.values.reduce(0) { $0 + max($1, 0).squareRoot() }
        return max(0, dot(shift, shift) + (traceX + traceY - 2 * cross) / (n - 1))
    }

    /// Its expectation for two samples of n rows from one Gaussian with x's covariance, to first order in
    /// 1 / n: what `frechet` shows without any drift.
    ///
    /// E|Δm|² = 2 tr C / n, and the Bures distance of two Wishart matrices to second order in their
    /// difference, ½ Σ |ΔCᵢⱼ|² / (λᵢ + λⱼ) with Var ΔCᵢⱼ = 2 λᵢλⱼ (1 + δᵢⱼ) / (n − 1).
    func frechetNull() throws(Undefined) -> Double {
        let values = try eigen(.reference).values.map { max($0, 0) / (n - 1) }
        var bures = values.reduce(0) { $0 + $1 / 2 }
        for first in values where first > 0 {
            for second in values where second > 0 { bures += first * second / (first + second) }
        }
        return 2 * values.reduce(0, +) / n + bures / (n - 1)
    }

    /// V · diag(λ^−½) of the eigenvalues that are not rounding.
    func whitening(_ side: Side, keeping share: Double = 1) throws(Undefined) -> DoubleMatrix {
        let eigen = try eigen(side)
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
}
