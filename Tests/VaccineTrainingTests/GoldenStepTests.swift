import Testing
import VaccineNumerics
import VaccineTraining
import VaccineTransformer
import _TestSupport

private struct MethodSettings: Decodable { let rho: Double }

private struct TrainingSettings: Decodable {
    let max_steps, warmup_steps: Int
    let learning_rate, weight_decay, max_grad_norm: Double
    let adam_beta1, adam_beta2, adam_epsilon: Double
}

/// The step against PyTorch (Tests/Golden). The oracle computes in float64, so what is bounded here is
/// this engine's float32 rounding.
@Suite struct GoldenStepTests {
    @Test(arguments: GoldenFile.names)
    func vaccineStepEqualsTheOracle(name: String) throws {
        let golden = try GoldenFile(name)
        let model = try golden.decoder()
        let rho = try golden.settings("method", as: MethodSettings.self).rho
        let batch = try golden.batch()
        let session = TrainingSession(model)
        let report = try session.forwardBackward(
            batch, PassOptions(perturbation: .worst(rho: rho)), interruption: .none)
        #expect(abs(report.cleanLoss / golden.double("expected/clean_loss") - 1) < 1e-6)
        #expect(abs(report.loss / golden.double("expected/loss") - 1) < 1e-5)
        let norm = golden.double("expected/attention_gradient_norm")
        #expect(abs(report.attentionGradientNorm / norm - 1) < 1e-5)
        let layers = try #require(session.states(.perturbations))
        let expected = golden.floats("expected/perturbations")
        #expect(relativeError(layers.flatMap(\.elements), expected) < 1e-5)
        for tensor in model.tensors(.gradient) {
            let expected = golden.floats("gradient/\(tensor.name)")
            #expect(relativeError(fileElements(tensor), expected) < 1e-4, "\(tensor.name)")
        }
    }

    @Test(arguments: GoldenFile.names)
    func plainStepEqualsTheOracle(name: String) throws {
        let golden = try GoldenFile(name)
        let model = try golden.decoder()
        let report = try TrainingSession(model).forwardBackward(
            golden.batch(), PassOptions(perturbation: .none), interruption: .none)
        let norm = golden.double("expected/sft_gradient_norm")
        #expect(abs(report.gradientNorm / norm - 1) < 1e-5)
        for tensor in model.tensors(.gradient) {
            let expected = golden.floats("sft_gradient/\(tensor.name)")
            #expect(relativeError(fileElements(tensor), expected) < 1e-4, "\(tensor.name)")
        }
    }

    @Test(arguments: GoldenFile.names, [true, false])
    func twentyStepsEndWhereTheOracleEnds(name: String, perturbed: Bool) throws {
        let golden = try GoldenFile(name)
        let model = try golden.decoder()
        let rho = try golden.settings("method", as: MethodSettings.self).rho
        let settings = try golden.settings("training", as: TrainingSettings.self)
        let session = TrainingSession(model)
        let optimiser = try AdamW(
            model,
            AdamW.Settings(
                beta1: settings.adam_beta1, beta2: settings.adam_beta2,
                epsilon: settings.adam_epsilon, weightDecay: settings.weight_decay))
        let batches = try [golden.batch(), golden.batch("second_batch")]
        let prefix = perturbed ? "" : "sft_"
        let losses = golden.doubles("expected/\(prefix)training_losses")
        let norms = golden.doubles("expected/\(prefix)training_gradient_norms")
        for step in 0..<settings.max_steps {
            model.zeroGradients()
            let report = try session.forwardBackward(
                batches[step % 2],
                PassOptions(perturbation: perturbed ? .worst(rho: rho) : .none), interruption: .none
            )
            let rate =
                settings.learning_rate
                * Schedule.cosine.factor(
                    step: step, warmup: settings.warmup_steps, total: settings.max_steps)
            #expect(abs(rate - golden.doubles("expected/learning_rates")[step]) < 1e-12)
            let norm = try optimiser.step(
                model, learningRate: rate, maximumNorm: settings.max_grad_norm, interruption: .none)
            #expect(abs(report.loss / losses[step] - 1) < 1e-3, "loss of step \(step)")
            #expect(abs(norm / norms[step] - 1) < 1e-3, "norm of step \(step)")
        }
        for tensor in model.tensors(.adapter) {
            let expected = golden.floats("\(prefix)trained/\(tensor.name)")
            #expect(relativeError(fileElements(tensor), expected) < 1e-3, "\(tensor.name)")
        }
    }
}

/// A tensor's elements in its file's order.
private func fileElements(_ tensor: NamedTensor) -> [Float] {
    let (rows, columns) = tensor.fileRowsAndColumns
    let copy = zeros(rows, columns)
    tensor.read(into: copy)
    return copy.elements
}
