package import VaccineNumerics
package import VaccineTransformer

/// The training of one model, with the memory that only its methods need.
///
/// ε takes [L·T, C] floats of an arena of its own, which a method that perturbs nothing never reserves.
package final class TrainingSession {
    package let model: Decoder
    /// ‖ε_l‖₂ of every layer in the last step.
    private let norms: Numbers
    private var memory: PerturbationMemory?
    /// Tokens that were given to the last perturbed step, and the places among them of those that were
    /// computed; 0 if ε is not in memory.
    package private(set) var perturbedTokens = 0
    package private(set) var perturbedPlaces: [Int] = []

    package init(_ model: Decoder) {
        self.model = model
        norms = Numbers(count: model.configuration.layerCount)
    }

    /// Makes sure that steps of no larger batch allocate nothing.
    ///
    /// - Parameter perturbed: whether there is to be room for ε.
    /// - Throws: `VaccineError.memory` before allocating.
    package func reserve(
        tokens: Int, sequences: Int, longest: Int, perturbed: Bool
    ) throws(VaccineError) {
        try model.reserve(tokens: tokens, sequences: sequences, longest: longest, training: true)
        if perturbed { _ = try room(tokens: tokens) }
    }

    /// The largest batch, in tokens, whose ε finds its memory.
    package var perturbationRoom: Int { memory?.tokens ?? 0 }

    /// ε of the last step, of the tokens that were computed; nil if that was not perturbed.
    package var perturbations: LayerStates? {
        guard perturbedTokens > 0, let memory else { return nil }
        return memory.states(tokens: perturbedPlaces.count)
    }

    /// After a change of the adapter, to which ε belongs.
    package func forgetPerturbations() {
        perturbedTokens = 0
        perturbedPlaces.removeAll(keepingCapacity: true)
    }

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
        guard model.adapter != nil else {
            throw .state("the model has no adapter to train; add one first")
        }
        guard !batch.supervisedRows.isEmpty else {
            throw .value("labels: no token of the batch is supervised")
        }
        try options.validate()
        do {
            return try gradients(batch, options, interruption)
        } catch {
            model.zeroGradients()
            throw error
        }
    }

    private func gradients(
        _ batch: PackedBatch, _ options: StepOptions, _ interruption: Interruption
    ) throws(VaccineError) -> StepReport {
        func masks(_ pass: UInt64) -> RandomStream {
            RandomStream(options.seed, options.stream, pass)
        }
        forgetPerturbations()
        var report = StepReport(
            loss: 0, cleanLoss: .nan, perturbationNorms: norms, attentionGradientNorm: 0,
            gradientNorm: 0)
        let perturbations = options.method == .sft ? nil : try room(tokens: batch.tokenCount)
        switch options.method {
        case .sft:
            for layer in norms.indices { norms[layer] = 0 }
        case .vaccine(let rho):
            guard let perturbations else { preconditionFailure("Vaccine has room for ε") }
            let first = try model.forwardForTraining(
                batch, masks: masks(1), perturbation: nil, interruption: interruption)
            report.cleanLoss = try model.attentionGradients(first, into: perturbations)
            report.attentionGradientNorm = try perturb(perturbations, rho: rho, norms: norms)
        case .random(let variance):
            guard let perturbations else { preconditionFailure("noise has room for ε") }
            perturbRandomly(perturbations, variance: variance, stream: masks(3), norms: norms)
        }
        let second = try model.forwardForTraining(
            batch, masks: masks(2), perturbation: perturbations, interruption: interruption)
        report.loss = try model.adapterGradients(second, weight: Float(options.weight))
        if perturbations == nil {
            report.cleanLoss = report.loss
        } else {
            perturbedTokens = batch.givenCount
            perturbedPlaces.append(contentsOf: batch.places)
        }
        report.gradientNorm = try model.gradientNorm()
        return report
    }

    /// Memory for ε of a batch of this many tokens.
    private func room(tokens: Int) throws(VaccineError) -> LayerStates {
        if let memory, memory.tokens >= tokens { return memory.states(tokens: tokens) }
        forgetPerturbations()
        memory = nil
        let grown = try PerturbationMemory(model.configuration, tokens: tokens)
        memory = grown
        return grown.states(tokens: tokens)
    }
}

/// g_l and then ε_l, of batches up to a number of tokens.
private struct PerturbationMemory {
    let tokens: Int
    private let layers: Int
    private let values: Matrix  // [L·T, C]
    private let arena: Arena

    /// - Throws: `VaccineError.memory` before allocating.
    init(_ configuration: ModelConfiguration, tokens: Int) throws(VaccineError) {
        func layOut(_ arena: Arena) -> Matrix {
            arena.matrix(
                rows: configuration.layerCount * tokens, columns: configuration.hiddenSize)
        }
        let plan = Arena()
        _ = layOut(plan)
        arena = try Arena(
            byteCount: plan.byteCount, purpose: "the perturbation of \(tokens) tokens")
        values = layOut(arena)
        layers = configuration.layerCount
        self.tokens = tokens
    }

    /// The memory as that of a batch of `tokens` tokens.
    func states(tokens: Int) -> LayerStates {
        LayerStates(values, layers: layers, tokens: tokens)
    }
}
