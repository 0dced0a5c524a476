import Testing
import VaccineNumerics
import VaccineTraining
import VaccineTransformer
import _TestSupport

/// A failing step names its cause and leaves the model as it was, with zero gradients.
@Suite struct FailureTests {
    private func expectClean(_ model: Decoder, sourceLocation: SourceLocation = #_sourceLocation) {
        let gradients = model.tensors(.gradient).flatMap(\.matrix.elements)
        #expect(gradients.allSatisfy { $0 == 0 }, sourceLocation: sourceLocation)
    }

    @Test func aNonFiniteActivationIsNamedByItsLayer() throws {
        let model = try randomDecoder()
        let weight = try model.tensor(.weight, named: "model.layers.1.self_attn.v_proj.weight")
        weight.matrix[0, 0] = .nan
        #expect {
            try TrainingSession(model).forwardBackward(
                randomBatch([12]), PassOptions(perturbation: .worst(rho: 2)), interruption: .none)
        } throws: { error in
            guard case .value(let text) = error as? VaccineError else { return false }
            return text.contains("attention output of layer 1")
        }
        expectClean(model)
    }

    @Test func anInterruptedStepLeavesZeroGradients() throws {
        let model = try randomDecoder()
        let batch = try randomBatch([12])
        for polls in [0, 3, 20, 40] {
            _ = try TrainingSession(model).forwardBackward(
                batch, PassOptions(perturbation: .none), interruption: .none)
            #expect(throws: VaccineError.interrupted) {
                try withInterruption(afterPolls: polls) {
                    _ = try TrainingSession(model).forwardBackward(
                        batch, PassOptions(perturbation: .worst(rho: 2)), interruption: $0)
                }
            }
            expectClean(model)
        }
    }

    @Test func callsThatDoNotFitAreRefused() throws {
        let bare = try randomDecoder(adapter: false)
        #expect(throws: VaccineError.state("the model has no adapter to train; add one first")) {
            try TrainingSession(bare).forwardBackward(
                randomBatch([9]), PassOptions(perturbation: .none), interruption: .none)
        }
        let model = try randomDecoder()
        #expect(throws: VaccineError.value("rho must be finite and at least 0, got -1.0")) {
            try TrainingSession(model).forwardBackward(
                randomBatch([9]), PassOptions(perturbation: .worst(rho: -1)), interruption: .none)
        }
        let unsupervised = try PackedBatch(
            inputIDs: [1, 2], labels: [-100, -100], offsets: [0, 2], configuration: .tiny)
        #expect(throws: VaccineError.value("labels: no token of the batch is supervised")) {
            try TrainingSession(model).forwardBackward(
                unsupervised, PassOptions(perturbation: .none), interruption: .none)
        }
    }

    @Test func aNonFiniteGradientStopsTheOptimiserBeforeAnyWeight() throws {
        let model = try randomDecoder()
        let optimiser = try AdamW(model, AdamW.Settings())
        let before = model.tensors(.adapter).map(\.matrix.elements)
        let gradient = model.tensors(.gradient)[3]
        gradient.matrix[0, 0] = .infinity
        #expect(throws: VaccineError.value("the gradient of \(gradient.name) is not finite")) {
            try optimiser.step(model, learningRate: 1, maximumNorm: 1, interruption: .none)
        }
        #expect(model.tensors(.adapter).map(\.matrix.elements) == before)
        #expect(optimiser.stepCount == 0)
    }
}
