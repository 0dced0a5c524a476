/// The metrics that follow from second moments of paired rows. The raw value is the metric's place in the
/// arrays that cross the boundary.
///
/// Notation: n rows, width d; centred rows x, y with Sxx = Σ x xᵀ and so on; mean difference m.
public enum MomentMetric: Int, CaseIterable, Sendable {
    /// h(x, y) / √(h(x, x) · h(y, y)) with the unbiased HSIC estimator h of Song et al. 2012 in feature
    /// space; Kornblith et al. 2019, arXiv:1905.00414, debiased. Signed: at most 1, negative by chance.
    case cka
    /// ‖Sxy‖² / (‖Sxx‖ · ‖Syy‖), in [0, 1]; near 1 for anything when n is not far above d.
    case ckaBiased
    /// tr Sxx + tr Syy − 2 ‖Sxy‖∗: the squared distance after the best rotation.
    case procrustes
    /// arccos(‖Sxy‖∗ / √(tr Sxx · tr Syy)), in [0, π/2]; Williams et al. 2021, arXiv:2110.14739.
    case procrustesAngle
    /// The mean canonical correlation, in [0, 1]; needs n > d.
    case cca
    /// The same after keeping 99 % of each side's variance; Raghu et al. 2017, arXiv:1706.05806.
    case svcca
    /// Canonical correlations weighted by what they explain of x; Morcos et al. 2018, arXiv:1806.05759.
    case pwcca
    /// The share of y's variance that no linear map of x gives, in [0, 1]; needs n > d.
    case linearResidual
    /// The Fréchet distance of the two Gaussians with these moments; Dowson & Landau 1982.
    case frechet
    /// Its expectation for two samples of n rows from one Gaussian with x's covariance, to first order in
    /// 1 / n: what `frechet` shows without any drift.
    case frechetNull
    /// ‖Uxᵀ Uy‖² / k of the k = min(10, d, n − 1) leading principal directions, in [0, 1].
    case subspaceOverlap
    /// The largest angle between those subspaces, in [0, π/2].
    case principalAngle
    /// exp of the entropy of the spectrum, in [1, d]; Roy & Vetterli 2007.
    case effectiveRankReference
    case effectiveRankCurrent
    /// (tr S)² / ‖S‖², in [1, d].
    case participationRatioReference
    case participationRatioCurrent
    /// |m|.
    case meanShift
    /// √(mᵀ Cx⁻¹ m) with x's covariance; needs n > d.
    case mahalanobis
    /// n |m|² / Σ |y − x|², in [0, 1]: how much of the drift is one common translation.
    case translationShare

    /// The values that it can take.
    func range(width: Int) -> ClosedRange<Double> {
        switch self {
        case .cka: -.infinity...1
        case .ckaBiased, .cca, .svcca, .pwcca, .linearResidual, .subspaceOverlap,
            .translationShare:
            0...1
        case .procrustesAngle, .principalAngle: 0...(.pi / 2)
        case .effectiveRankReference, .effectiveRankCurrent, .participationRatioReference,
            .participationRatioCurrent:
            1...Double(width)
        case .procrustes, .frechet, .frechetNull, .meanShift, .mahalanobis: 0...(.infinity)
        }
    }
}

/// Why a metric is NaN. The raw value crosses the boundary.
public enum Undefined: Int, Error, Sendable {
    case defined = 0
    case fewRows, noVariance, fewerRowsThanWidth, notPositive, noConvergence, fewFolds
}
