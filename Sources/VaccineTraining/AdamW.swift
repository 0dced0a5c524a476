internal import Glibc
package import VaccineNumerics
package import VaccineTransformer

/// Adam with decoupled weight decay over an adapter's factors.
///
/// ```
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// w ← w − η λ w − η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
/// ```
/// - SeeAlso: Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2; the order of operations is that
///   of torch.optim.AdamW.
package final class AdamW {
    package struct Settings: Sendable {
        package var beta1: Double
        package var beta2: Double
        package var epsilon: Double
        package var weightDecay: Double

        package init(
            beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
            weightDecay: Double = 0
        ) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    package enum Moment: Sendable { case first, second }

    /// The moments of one factor, under its name.
    private struct Parameter: Sendable {
        let first: NamedTensor
        let second: NamedTensor

        var name: String { first.name }
    }

    private let settings: Settings
    private let parameters: [Parameter]
    private let arena: Arena
    /// Updates taken so far.
    package private(set) var stepCount = 0
    /// Of these, the updates during which each parameter was frozen.
    private var skipped: [Int]

    /// Up to which a double counts every step.
    package static let maximumStepCount = 1 << 53

    /// - Throws: `VaccineError.state` without an adapter; `.value` for a setting out of range.
    package init(_ model: Decoder, _ settings: Settings) throws(VaccineError) {
        try settings.validate()
        let factors = model.tensors(.adapter)
        guard !factors.isEmpty else {
            throw .state("the model has no adapter to optimise; add one first")
        }
        func layOut(_ arena: Arena) -> [Parameter] {
            factors.map {
                Parameter(
                    first: $0.like(
                        arena.matrix(rows: $0.matrix.rows, columns: $0.matrix.columns)),
                    second: $0.like(
                        arena.matrix(rows: $0.matrix.rows, columns: $0.matrix.columns)))
            }
        }
        let plan = Arena()
        _ = layOut(plan)
        arena = try Arena(byteCount: plan.byteCount, purpose: "the optimiser's moments")
        parameters = layOut(arena)
        skipped = [Int](repeating: 0, count: parameters.count)
        self.settings = settings
    }

    /// Clips the model's gradients by their global norm and updates the adapter.
    ///
    /// - Parameters:
    ///   - learningRate: η ≥ 0. `maximumNorm`: clip to this L2 norm; 0: no clipping.
    ///   - frozen: by place among the factors, those that keep their value and their moments; empty: none.
    ///   - interruption: asked before anything changes; the update itself is one pass over memory.
    /// - Returns: the gradient norm before clipping.
    /// - Throws: `VaccineError.value` for a non-finite gradient, by name, before anything changes;
    ///   `.state` if the model's adapter is not the one that this optimiser was made for.
    package func step(
        _ model: Decoder, learningRate: Double, maximumNorm: Double, frozen: [Bool] = [],
        interruption: Interruption
    ) throws(VaccineError) -> Double {
        guard (0...1e6).contains(learningRate) else {
            throw .value("learning_rate must be in [0, 1e6], got \(learningRate)")
        }
        guard learningRate * settings.weightDecay <= 1 else {
            throw .value(
                "learning_rate · weight_decay must be at most 1, got \(learningRate) · "
                    + "\(settings.weightDecay)")
        }
        guard maximumNorm >= 0, maximumNorm.isFinite else {
            throw .value("max_gradient_norm must be finite and at least 0, got \(maximumNorm)")
        }
        let values = model.tensors(.adapter)
        let gradients = model.tensors(.gradient)
        guard
            values.count == parameters.count,
            zip(values, parameters).allSatisfy({
                $0.name == $1.name && $0.matrix.hasShape(of: $1.first.matrix)
            })
        else { throw .state("the model's adapter is not the one this optimiser was made for") }

        guard stepCount < AdamW.maximumStepCount else {
            throw .state("the optimiser has taken its last step, number \(stepCount)")
        }
        let norm = try model.gradientNorm()
        try interruption.check()
        let clip = maximumNorm > 0 ? min(1, maximumNorm / (norm + 1e-6)) : 1
        stepCount += 1
        for index in frozen.indices where frozen[index] { skipped[index] += 1 }
        let (parameters, skipped) = (parameters, skipped)
        let (settings, stepCount) = (settings, stepCount)
        Threads.forEach(values.count) { index, _ in
            if !frozen.isEmpty && frozen[index] { return }
            let update = Update(
                settings, step: stepCount - skipped[index], learningRate: learningRate,
                gradientScale: clip)
            update.apply(
                to: values[index].matrix, gradient: gradients[index].matrix,
                first: parameters[index].first.matrix, second: parameters[index].second.matrix)
        }
        return norm
    }

    package func setStepCount(_ count: Int) throws(VaccineError) {
        guard (0...AdamW.maximumStepCount).contains(count) else {
            throw .value("step_count must be in [0, 2^53], got \(count)")
        }
        stepCount = count
        for index in skipped.indices { skipped[index] = min(skipped[index], count) }
    }

    /// Updates during which a factor was frozen, which do not count in its bias correction.
    package func skipped(_ name: String) throws(VaccineError) -> Int {
        try skipped[place(of: name)]
    }

    /// - Throws: `VaccineError.value` for an unknown name, or a count above the updates taken.
    package func setSkipped(_ name: String, _ count: Int) throws(VaccineError) {
        guard (0...stepCount).contains(count) else {
            throw .value("count must be in [0, step_count = \(stepCount)], got \(count)")
        }
        skipped[try place(of: name)] = count
    }

    /// A moment under its factor's name, in the factor's file shape.
    package func tensor(_ moment: Moment, named name: String) throws(VaccineError) -> NamedTensor {
        let parameter = parameters[try place(of: name)]
        return moment == .first ? parameter.first : parameter.second
    }

    private func place(of name: String) throws(VaccineError) -> Int {
        guard let place = parameters.firstIndex(where: { $0.name == name }) else {
            throw .value("name: the optimiser has no moment of '\(name)'")
        }
        return place
    }
}

/// The numbers of one update.
private struct Update: Sendable {
    let beta1: Float, beta2: Float, epsilon: Float
    let decay: Float  // 1 − η λ
    let stepSize: Float  // η / (1 − β₁ᵗ)
    let inverseRootCorrection: Float  // 1 / √(1 − β₂ᵗ)
    let gradientScale: Float

    init(_ settings: AdamW.Settings, step: Int, learningRate: Double, gradientScale: Double) {
        beta1 = Float(settings.beta1)
        beta2 = Float(settings.beta2)
        epsilon = Float(settings.epsilon)
        decay = Float(1 - learningRate * settings.weightDecay)
        stepSize = Float(learningRate / (1 - pow(settings.beta1, Double(step))))
        inverseRootCorrection = Float(1 / (1 - pow(settings.beta2, Double(step))).squareRoot())
        self.gradientScale = Float(gradientScale)
    }

    func apply(to value: Matrix, gradient: Matrix, first: Matrix, second: Matrix) {
        for row in 0..<value.rows {
            let g = gradient[row]
            var w = value.mutable(row)
            var m = first.mutable(row)
            var v = second.mutable(row)
            for index in g.indices {
                let slope = g[index] * gradientScale
                m[index] = beta1 * m[index] + (1 - beta1) * slope
                v[index] = beta2 * v[index] + (1 - beta2) * slope * slope
                let root = v[index].squareRoot() * inverseRootCorrection + epsilon
                w[index] = w[index] * decay - stepSize * m[index] / root
            }
        }
    }
}

extension AdamW.Settings {
    fileprivate func validate() throws(VaccineError) {
        for (name, beta) in [("beta1", beta1), ("beta2", beta2)]
        where !(0..<1).contains(Float(beta)) {
            throw .value("\(name) must be in [0, 1), got \(beta)")
        }
        _ = try float32(epsilon, "epsilon", positive: true)
        guard weightDecay >= 0, weightDecay.isFinite else {
            throw .value("weight_decay must be finite and at least 0, got \(weightDecay)")
        }
    }
}
