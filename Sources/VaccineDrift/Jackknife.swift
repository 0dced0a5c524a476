internal import Glibc

/// A value with the bounds of its confidence interval, or why there is none.
public struct Estimate: Sendable {
    public var value = Double.nan
    public var low = Double.nan
    public var high = Double.nan
    /// Why the value, or else the interval, is NaN.
    public var reason = Undefined.defined
}

/// Delete-a-fold jackknife: the spread of a value over leaving each fold of prompts out.
///
/// ```
/// SE² = (F − 1) / F · Σ (θ₍f₎ − mean)²,   θ ± t · SE
/// ```
/// - Parameters:
///   - whole: θ of all folds.
///   - without: θ with each fold left out that has any rows.
///   - t: quantile of Student's t with F − 1 degrees of freedom.
///   - range: what θ can be; bounds beyond it are cut.
/// - SeeAlso: Efron & Stein 1981; Shao & Tu 1995, §2.3.
func jackknife(
    whole: Result<Double, Undefined>, without: [Result<Double, Undefined>], t: Double,
    range: ClosedRange<Double>
) -> Estimate {
    var estimate = Estimate()
    switch whole {
    case .failure(let reason):
        estimate.reason = reason
        return estimate
    case .success(let value): estimate.value = value
    }
    var values: [Double] = []
    for result in without {
        switch result {
        case .success(let value): values.append(value)
        case .failure(let reason):
            estimate.reason = reason
            return estimate
        }
    }
    guard values.count >= 2 else {
        estimate.reason = .fewFolds
        return estimate
    }
    let folds = Double(values.count)
    let mean = values.reduce(0, +) / folds
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } * (folds - 1) / folds
    estimate.low = max(range.lowerBound, estimate.value - t * variance.squareRoot())
    estimate.high = min(range.upperBound, estimate.value + t * variance.squareRoot())
    return estimate
}
