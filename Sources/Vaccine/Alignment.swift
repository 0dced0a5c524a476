public import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

/// Trains a model's adapter so that its attention outputs may be pushed by a total norm ρ.
///
/// - SeeAlso: Huang, Hu & Liu 2024, arXiv:2402.01109, Algorithm 1.
public final class Alignment {
    /// What one step found.
    public struct Report: Sendable {
        /// The loss whose gradient was taken, under the perturbation.
        public let loss: Double
        /// The loss without it.
        public let cleanLoss: Double
        /// ‖ε_l‖₂ of every layer; the root of their squares' sum is ρ.
        public let perturbationNorms: [Double]
        /// L2 norm of the adapter's gradient before clipping.
        public let gradientNorm: Double
    }

    private let session: TrainingSession
    private let optimiser: AdamW
    private let rho: Double
    private let maximumGradientNorm: Double
    private let seed: UInt64

    /// - Parameters:
    ///   - rho: ρ ≥ 0; 0 is plain fine-tuning.
    ///   - weightDecay: AdamW's λ.
    ///   - maximumGradientNorm: gradients are clipped to it; 0: they are not.
    ///   - seed: of the dropout masks.
    /// - Throws: `VaccineError.state` for a model without an adapter, `.value` for a setting out of range.
    public init(
        _ model: LanguageModel, rho: Double, weightDecay: Double = 0,
        maximumGradientNorm: Double = 1, seed: UInt64 = 0
    ) throws(VaccineError) {
        session = TrainingSession(model.decoder)
        optimiser = try AdamW(model.decoder, AdamW.Settings(weightDecay: weightDecay))
        self.rho = rho
        self.maximumGradientNorm = maximumGradientNorm
        self.seed = seed
    }

    /// Both passes over a batch and an update of the adapter.
    ///
    /// - Throws: `VaccineError.value` for a faulty batch or a loss that is not finite; nothing changes then.
    public func step(
        _ examples: [Example], learningRate: Double
    ) throws(VaccineError) -> Report {
        let model = session.model
        model.zeroGradients()
        let options = PassOptions(
            perturbation: rho == 0 ? .none : .worst(rho: rho), seed: seed,
            stream: UInt64(optimiser.stepCount))
        let found = try session.forwardBackward(
            PackedBatch(examples, for: model), options, interruption: .none)
        let norm = try optimiser.step(
            model, learningRate: learningRate, maximumNorm: maximumGradientNorm,
            interruption: .none)
        return Report(
            loss: found.loss, cleanLoss: found.cleanLoss,
            perturbationNorms: Array(found.perturbationNorms), gradientNorm: norm)
    }
}
