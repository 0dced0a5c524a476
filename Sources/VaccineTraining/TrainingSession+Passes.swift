package import VaccineNumerics
package import VaccineTransformer

/// What one gradient computation is asked to do.
package struct PassOptions: Sendable {
    package var perturbation: Perturbation
    /// What the loss has beside the mean cross-entropy; nil: nothing.
    package var terms: LossTerms?
    /// Multiplies the gradient before it is accumulated.
    package var weight: Double
    /// Dropout masks and noise are a function of (seed, stream, draw).
    package var seed: UInt64
    package var stream: UInt64
    package var draw: UInt64

    package init(
        perturbation: Perturbation = .none, terms: LossTerms? = nil, weight: Double = 1,
        seed: UInt64 = 0,
        stream: UInt64 = 0, draw: UInt64 = 0
    ) {
        self.perturbation = perturbation
        self.terms = terms
        self.weight = weight
        self.seed = seed
        self.stream = stream
        self.draw = draw
    }

    /// The random numbers of one purpose.
    func numbers(_ purpose: Purpose) -> RandomStream {
        RandomStream(seed, stream, 4 &* draw &+ purpose.rawValue)
    }

    /// What random numbers are for; a draw has four of them.
    enum Purpose: UInt64 { case attentionGradients = 1, gradients = 2, noise = 3 }
}

/// What came of it.
package struct StepReport: Sendable {
    /// The loss whose gradient was taken.
    package var loss: Double
    /// The loss of the first, unperturbed pass; NaN where there was none.
    package var cleanLoss: Double
    /// ‖ε_l‖₂ of every layer, until the next step of the same model.
    package let perturbationNorms: Numbers
    /// ‖(g_1 … g_L)‖₂ of the first pass, over the layers whose norm was asked for; 0 where there was none.
    package var attentionGradientNorm: Double
    /// L2 norm of the adapter gradients accumulated so far.
    package var gradientNorm: Double
}

extension TrainingSession {
    /// Loss and its gradient at every attention output, which stays in memory.
    ///
    /// - Parameter squaredNorms: receives ‖g_l‖₂² of every layer.
    /// - Throws: `VaccineError`; the adapter's gradients are not touched.
    package func attentionGradients(
        _ batch: PackedBatch, _ options: PassOptions, squaredNorms: Numbers,
        interruption: Interruption
    ) throws(VaccineError) -> Double {
        try check(batch)
        forget()
        let states = try room(tokens: batch.tokenCount)
        let result = try model.forwardForTraining(
            batch, masks: options.numbers(.attentionGradients), perturbation: nil,
            interruption: interruption)
        let loss = try model.attentionGradients(result, into: states, terms: options.terms)
        try VaccineTraining.squaredNorms(states, into: squaredNorms)
        keep(.attentionGradients, of: batch)
        return loss
    }

    /// Adds weight · ∂loss/∂adapter to the adapter's gradients, the attention outputs perturbed.
    ///
    /// The worst perturbation takes two passes: (1) forward and backward to the attention outputs; (2)
    /// `perturb`; (3) forward with e_l + ε_l and backward to the adapter, ε held constant. The two draw
    /// different dropout masks, as PyTorch does; the second draws those that an unperturbed pass would draw,
    /// so ρ = 0 is plain fine-tuning exactly.
    /// - Throws: `VaccineError`; then all adapter gradients are zero and the weights untouched.
    /// - Complexity: for each pass, one forward and one backward without weight gradients of frozen
    ///   matrices.
    package func forwardBackward(
        _ batch: PackedBatch, _ options: PassOptions, interruption: Interruption
    ) throws(VaccineError) -> StepReport {
        do throws(VaccineError) {
            try check(batch)
            _ = try float32(options.weight, "weight")
            try options.perturbation.validate(
                layerCount: norms.count, tokens: batch.givenCount,
                hiddenSize: model.configuration.hiddenSize)
            return try gradients(batch, options, interruption)
        } catch {
            model.zeroGradients()
            throw error
        }
    }

    /// Adds a caller's gradient at hidden states and logits, taken back to the adapter.
    ///
    /// - Parameters:
    ///   - batch: with all its tokens.
    ///   - states: gradients of all tokens; nil: none.
    ///   - logits: those of the supervised rows, [S, V]; nil: none.
    ///   - masks: the dropout masks; nil: dropout off.
    /// - Returns: the L2 norm of the adapter gradients accumulated so far.
    /// - Throws: `VaccineError`; then all adapter gradients are zero.
    package func backward(
        _ batch: PackedBatch, from states: StateGradients?, logits: Matrix?,
        masks: PassOptions?, interruption: Interruption
    ) throws(VaccineError) -> Double {
        do throws(VaccineError) {
            guard model.adapter != nil else {
                throw .state("the model has no adapter to train; add one first")
            }
            forget()
            let result = try model.forwardForTraining(
                batch, masks: masks?.numbers(.gradients), everyRow: true,
                interruption: interruption
            ) { _, _, _ in }
            _ = try model.backward(
                result, from: logits.map { .logits($0) } ?? .nothing, extra: states, weights: true
            ) { _, _, _ in }
            clearFrozen()
            return try model.gradientNorm()
        } catch {
            model.zeroGradients()
            throw error
        }
    }

    private func check(_ batch: PackedBatch) throws(VaccineError) {
        guard model.adapter != nil else {
            throw .state("the model has no adapter to train; add one first")
        }
        guard !batch.supervisedRows.isEmpty else {
            throw .value("labels: no token of the batch is supervised")
        }
    }

    private func gradients(
        _ batch: PackedBatch, _ options: PassOptions, _ interruption: Interruption
    ) throws(VaccineError) -> StepReport {
        let left = states(.attentionGradients, of: batch)
        forget()
        var report = StepReport(
            loss: 0, cleanLoss: .nan, perturbationNorms: norms, attentionGradientNorm: 0,
            gradientNorm: 0)
        let perturbation = try self.perturbation(
            batch, options, left: left, &report, interruption)
        // An ε of zeros moves nothing, and then the pass is the plain one, which shares.
        let moved = norms.contains { $0 != 0 } ? perturbation : nil
        let result = try model.forwardForTraining(
            moved == nil ? model.sharingPrompts(batch) : batch,
            masks: options.numbers(.gradients), perturbation: moved, interruption: interruption)
        report.loss = try model.adapterGradients(
            result, weight: Float(options.weight), terms: options.terms)
        clearFrozen()
        if perturbation == nil {
            report.cleanLoss = report.loss
        } else {
            keep(.perturbations, of: batch)
        }
        report.gradientNorm = try model.gradientNorm()
        return report
    }

    private func clearFrozen() {
        guard !frozen.isEmpty else { return }
        for (tensor, isFrozen) in zip(model.tensors(.gradient), frozen) where isFrozen {
            tensor.matrix.fill(0)
        }
    }

    /// ε of the batch, and what is known of it in the report; nil: none.
    ///
    /// - Parameter left: the gradients that the last pass left of this batch.
    private func perturbation(
        _ batch: PackedBatch, _ options: PassOptions, left: LayerStates?,
        _ report: inout StepReport,
        _ interruption: Interruption
    ) throws(VaccineError) -> LayerStates? {
        if options.perturbation.isNone {
            for layer in norms.indices { norms[layer] = 0 }
            return nil
        }
        let states = try room(tokens: batch.tokenCount)
        switch options.perturbation {
        case .none: return nil
        case .worst(let rho, let layers, let scope):
            let result = try model.forwardForTraining(
                batch, masks: options.numbers(.attentionGradients), perturbation: nil,
                interruption: interruption)
            report.cleanLoss = try model.attentionGradients(
                result, into: states, terms: options.terms)
            report.attentionGradientNorm = try perturb(
                states, rho: rho, layers: layers, scope: scope, norms: norms)
        case .gaussian(let variance, let layers):
            perturbRandomly(
                states, variance: variance, layers: layers, stream: options.numbers(.noise),
                firstRow: batch.firstRow, norms: norms)
        case .given(let values):
            perturb(states, with: values, places: batch.givenIndices, norms: norms)
        case .scaled(let factor, let layers):
            guard let left else {
                throw .state("the last pass left no attention gradients of this batch")
            }
            perturb(left, factor: factor, layers: layers, norms: norms)
        }
        return states
    }
}
