package import VaccineNumerics
package import VaccineTransformer

/// What one gradient computation is asked to do.
package struct StepOptions: Sendable {
    package var method: Method
    /// Multiplies the gradient before it is accumulated.
    package var weight: Double
    /// Dropout masks and random perturbations are a function of (seed, stream).
    package var seed: UInt64
    package var stream: UInt64

    package init(method: Method, weight: Double = 1, seed: UInt64 = 0, stream: UInt64 = 0) {
        self.method = method
        self.weight = weight
        self.seed = seed
        self.stream = stream
    }
}

/// What came of it.
package struct StepReport: Sendable {
    /// The loss whose gradient was taken.
    package var loss: Double
    /// The loss of the first, unperturbed pass; NaN where there was none.
    package var cleanLoss: Double
    /// ‖ε_l‖₂ of every layer, until the next step of the same model.
    package let perturbationNorms: Numbers
    /// ‖(g_1 … g_L)‖₂ of the first pass; 0 where there was none.
    package var attentionGradientNorm: Double
    /// L2 norm of the adapter gradients accumulated so far.
    package var gradientNorm: Double
}

extension Decoder {
    /// Adds weight · ∂loss/∂adapter to the adapter's gradients, as the method forms it.
    ///
    /// Vaccine: (1) forward and backward to the attention outputs; (2) `perturb`; (3) forward with
    /// e_l + ε_l and backward to the adapter, ε held constant. The two passes draw different dropout
    /// masks, as PyTorch does; the second draws those that SFT would draw, so ρ = 0 is SFT exactly.
    /// - Throws: `VaccineError`; then all adapter gradients are zero and the weights untouched.
    /// - Complexity: Vaccine: two forward and two backward passes without weight gradients of frozen
    ///   matrices.
    package func forwardBackward(
        _ batch: PackedBatch, _ options: StepOptions, interruption: Interruption
    ) throws(VaccineError) -> StepReport {
        guard adapter != nil else {
            throw .state("the model has no adapter to train; add one first")
        }
        guard !batch.supervisedRows.isEmpty else {
            throw .value("labels: no token of the batch is supervised")
        }
        try options.validate()
        do {
            return try gradients(batch, options, interruption)
        } catch {
            zeroGradients()
            throw error
        }
    }

    private func gradients(
        _ batch: PackedBatch, _ options: StepOptions, _ interruption: Interruption
    ) throws(VaccineError) -> StepReport {
        func masks(_ pass: UInt64) -> RandomStream {
            RandomStream(options.seed, options.stream, pass)
        }
        try reserve(
            tokens: batch.tokenCount, sequences: batch.sequenceCount, longest: batch.longest,
            training: true)
        keepPerturbations(of: nil)
        guard let (perturbations, norms) = perturbations(tokens: batch.tokenCount) else {
            preconditionFailure("training memory has room for perturbations")
        }
        var report = StepReport(
            loss: 0, cleanLoss: .nan, perturbationNorms: norms, attentionGradientNorm: 0,
            gradientNorm: 0)
        switch options.method {
        case .sft:
            for layer in norms.indices { norms[layer] = 0 }
        case .vaccine(let rho):
            let first = try forwardForTraining(
                batch, masks: masks(1), perturbation: nil, interruption: interruption)
            report.cleanLoss = try attentionGradients(first, into: perturbations)
            report.attentionGradientNorm = try perturb(perturbations, rho: rho, norms: norms)
        case .random(let variance):
            perturbRandomly(
                perturbations, variance: variance, stream: masks(3), norms: norms)
        }
        let second = try forwardForTraining(
            batch, masks: masks(2), perturbation: options.method == .sft ? nil : perturbations,
            interruption: interruption)
        report.loss = try adapterGradients(second, weight: Float(options.weight))
        if options.method == .sft {
            report.cleanLoss = report.loss
        } else {
            keepPerturbations(of: batch)
        }
        report.gradientNorm = try gradientNorm()
        return report
    }

    /// L2 norm of all adapter gradients, in double precision.
    ///
    /// - Throws: `VaccineError.value` that names the first gradient which is not finite.
    func gradientNorm() throws(VaccineError) -> Double {
        var sum = 0.0
        for tensor in tensors(.gradient) {
            let squares = sumOfSquares(tensor.matrix)
            guard squares.isFinite else {
                throw .value("the gradient of \(tensor.name) is not finite")
            }
            sum += squares
        }
        return sum.squareRoot()
    }
}

extension StepOptions {
    fileprivate func validate() throws(VaccineError) {
        switch method {
        case .sft: break
        case .vaccine(let rho):
            guard rho >= 0, rho.isFinite else {
                throw .value("rho must be finite and at least 0, got \(rho)")
            }
            _ = try float32(rho / 1e-7, "rho / 1e-7")
        case .random(let variance):
            guard variance >= 0, variance.isFinite else {
                throw .value("variance must be finite and at least 0, got \(variance)")
            }
            _ = try float32(variance.squareRoot(), "√variance")
        }
        _ = try float32(weight, "weight")
    }
}
