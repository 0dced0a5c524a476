/// A metric of the drift from reference rows x to current rows y, δ = y − x: what it is called, what it is, and
/// the functions that give it.
///
/// A new metric is one row of `all` and one function.
public struct DriftMetric: Sendable {
    /// What a value is measured in.
    public enum Unit: Int, Sendable {
        case none
        /// Reads best in per cent.
        case share
        case radians
        /// That of the states, and its square.
        case states, squaredStates
    }

    /// The rows that a value needs, beside some variance.
    public enum Need: Sendable {
        case rows(Int)
        case moreRowsThanColumns
    }

    public let name: StaticString
    /// For a heading.
    public let label: StaticString
    public let unit: Unit
    public let need: Need
    /// Of the values; no upper bound: the width.
    public let (least, most): (Double, Double?)
    /// From a prompt table's sums, of rows of a width: every tier has them.
    let table: (@Sendable (PromptSums, Int) -> Double)?
    /// From first moments: every tier has them.
    let vector: Vector?
    /// From second moments: the tier "full" has them, and the tier "sketch" has those of projected rows.
    let paired: Paired?

    typealias Vector = @Sendable (VectorMoments) -> () throws(Undefined) -> Double
    typealias Paired = @Sendable (MomentMetrics) -> () throws(Undefined) -> Double

    private init(
        _ name: StaticString, _ label: StaticString, _ unit: Unit = .none, from least: Double = 0,
        to most: Double? = .infinity, needs need: Need = .rows(1),
        table: (@Sendable (PromptSums, Int) -> Double)? = nil, vector: Vector? = nil,
        paired: Paired? = nil
    ) {
        (self.name, self.label, self.unit, self.need) = (name, label, unit, need)
        (self.least, self.most) = (least, most)
        (self.table, self.vector, self.paired) = (table, vector, paired)
    }

    public var isOfTable: Bool { table != nil }
    public var isOfVector: Bool { vector != nil }
    public var isOfPaired: Bool { paired != nil }

    func range(width: Int) -> ClosedRange<Double> { least...(most ?? Double(width)) }

    /// Metrics of one source, in the order of `all`.
    static let ofTable = all.filter(\.isOfTable)
    static let ofVector = all.filter(\.isOfVector)

    /// All metrics, in the order of presentation. The place is the number that crosses the boundary.
    public static let all: [DriftMetric] = [
        DriftMetric("relative_drift", "Relative drift", .share) { sums, _ in sums.relativeDrift },
        DriftMetric("rms", "RMS change of an element", .states) { $0.rms(width: $1) },
        DriftMetric("mean_l2", "Mean L2 distance", .states) { sums, _ in sums.meanDistance },
        DriftMetric("cosine", "Cosine", from: -1, to: 1) { sums, _ in sums.meanCosine },
        DriftMetric(
            "translation_share", "Translation share", .share, to: 1,
            vector: VectorMoments.translationShare, paired: MomentMetrics.translationShare),
        DriftMetric(
            "leading_share", "Leading share", .share, to: 1, paired: MomentMetrics.leadingShare),
        DriftMetric(
            "mean_shift", "Mean shift", .states, vector: VectorMoments.meanShift,
            paired: MomentMetrics.meanShift),
        DriftMetric(
            "mahalanobis", "Mahalanobis distance of means", vector: VectorMoments.mahalanobis,
            paired: MomentMetrics.mahalanobis),
        DriftMetric(
            "cka", "CKA, debiased", from: -.infinity, to: 1, needs: .rows(4),
            paired: MomentMetrics.debiasedCKA),
        DriftMetric(
            "cka_biased", "CKA, biased", to: 1, needs: .rows(2), paired: MomentMetrics.biasedCKA),
        DriftMetric(
            "procrustes", "Procrustes distance", .squaredStates, needs: .rows(2),
            paired: MomentMetrics.procrustes),
        DriftMetric(
            "procrustes_angle", "Procrustes angle", .radians, to: .pi / 2, needs: .rows(2),
            paired: MomentMetrics.procrustesAngle),
        DriftMetric(
            "cca", "CCA", to: 1, needs: .moreRowsThanColumns, paired: MomentMetrics.meanCCA),
        DriftMetric(
            "svcca", "SVCCA", to: 1, needs: .moreRowsThanColumns, paired: MomentMetrics.svcca),
        DriftMetric(
            "pwcca", "PWCCA", to: 1, needs: .moreRowsThanColumns, paired: MomentMetrics.pwcca),
        DriftMetric(
            "linear_residual", "Residual of a linear map", .share, to: 1,
            needs: .moreRowsThanColumns, paired: MomentMetrics.linearResidual),
        DriftMetric(
            "frechet", "Fréchet distance", .squaredStates, needs: .rows(2),
            paired: MomentMetrics.frechet),
        DriftMetric(
            "frechet_null", "Fréchet distance, same-n null", .squaredStates,
            needs: .moreRowsThanColumns, paired: MomentMetrics.frechetNull),
        DriftMetric(
            "subspace_overlap", "Subspace overlap", to: 1, needs: .rows(2),
            paired: MomentMetrics.subspaceOverlap),
        DriftMetric(
            "principal_angle", "Largest principal angle", .radians, to: .pi / 2, needs: .rows(2),
            paired: MomentMetrics.principalAngle),
        DriftMetric(
            "effective_rank_reference", "Effective rank, reference", from: 1, to: nil,
            needs: .rows(2), paired: MomentMetrics.effectiveRankOfReference),
        DriftMetric(
            "effective_rank_current", "Effective rank, current", from: 1, to: nil,
            needs: .rows(2), paired: MomentMetrics.effectiveRankOfCurrent),
        DriftMetric(
            "participation_ratio_reference", "Participation ratio, reference", from: 1, to: nil,
            needs: .rows(2), paired: MomentMetrics.participationRatioOfReference),
        DriftMetric(
            "participation_ratio_current", "Participation ratio, current", from: 1, to: nil,
            needs: .rows(2), paired: MomentMetrics.participationRatioOfCurrent),
        DriftMetric("hed_rms", "HED, rms", .states) { $0.rms(width: $1) },
        DriftMetric("hed_paper", "HED, paper", .states) { sums, _ in sums.norm },
        DriftMetric("hed_vaccine_code", "HED, Vaccine's code", .squaredStates) { sums, _ in
            sums.squaredDistance
        },
        // Summed over updates as they come, so that no sum of a prompt gives it.
        DriftMetric("hed_booster_code", "HED, Booster's code", .states),
    ]
}

/// Why a metric is NaN. The raw value crosses the boundary.
public enum Undefined: Int, Error, Sendable, CaseIterable {
    case defined = 0
    case fewRows, noVariance, fewerRowsThanWidth, notPositive, noConvergence, fewFolds

    /// For people.
    public var reason: StaticString {
        switch self {
        case .defined: ""
        case .fewRows: "too few rows or prompts"
        case .noVariance: "a side does not vary, or nothing moved"
        case .fewerRowsThanWidth: "not more rows than columns"
        case .notPositive: "an estimate of the variance is not positive"
        case .noConvergence: "the decomposition did not converge"
        case .fewFolds: "fewer than two folds have prompts"
        }
    }
}
