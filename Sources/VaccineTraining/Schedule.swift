internal import Glibc

/// How the learning rate moves from step to step, as a factor on its peak.
///
/// - SeeAlso: transformers' `get_scheduler`, whose values these are.
package enum Schedule: Sendable {
    case constant
    case constantWithWarmup
    case linear
    case cosine

    /// - Parameters: `step`: counted from 0. `warmup`: steps of linear rise from 0. `total`: all steps.
    package func factor(step: Int, warmup: Int, total: Int) -> Double {
        if self == .constant { return 1 }
        if step < warmup { return Double(step) / Double(max(1, warmup)) }
        let progress = Double(step - warmup) / Double(max(1, total - warmup))
        switch self {
        case .constant, .constantWithWarmup: return 1
        case .linear: return max(0, Double(total - step) / Double(max(1, total - warmup)))
        case .cosine: return max(0, 0.5 * (1 + cos(.pi * progress)))
        }
    }
}
