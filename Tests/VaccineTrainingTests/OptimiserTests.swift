import Foundation
import Testing
import VaccineNumerics
import VaccineTraining
import VaccineTransformer
import _TestSupport

@Suite struct OptimiserTests {
    @Test func twoStepsEqualAHandComputedCase() throws {
        let model = try randomDecoder()
        for tensor in model.tensors(.adapter) { tensor.matrix.fill(1) }
        let optimiser = try AdamW(
            model, AdamW.Settings(beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.5))
        // Step 1, g = 2: m̂ = 2, v̂ = 4, so w = 1·(1 − 0.1·0.5) − 0.1 = 0.85.
        for tensor in model.tensors(.gradient) { tensor.matrix.fill(2) }
        _ = try optimiser.step(model, learningRate: 0.1, maximumNorm: 0, interruption: .none)
        let first = model.tensors(.adapter)[0].matrix[0, 0]
        #expect(abs(first - 0.85) < 1e-6)
        // Step 2, g = −1: m = 0.9·0.2 − 0.1 = 0.08, v = 0.99·0.04 + 0.01 = 0.0496.
        for tensor in model.tensors(.gradient) { tensor.matrix.fill(-1) }
        _ = try optimiser.step(model, learningRate: 0.1, maximumNorm: 0, interruption: .none)
        let (m, v) = (0.08 / (1 - 0.81), 0.0496 / (1 - 0.9801))
        let expected = 0.85 * 0.95 - 0.1 * m / (sqrt(v) + 1e-8)
        #expect(abs(Double(model.tensors(.adapter)[0].matrix[0, 0]) - expected) < 1e-6)
        #expect(optimiser.stepCount == 2)
    }

    @Test func clippingScalesTheGradientToTheNorm() throws {
        let (clipped, scaled) = (try randomDecoder(), try randomDecoder())
        let settings = AdamW.Settings(epsilon: 1)
        let optimisers = try (AdamW(clipped, settings), AdamW(scaled, settings))
        for tensor in clipped.tensors(.gradient) { tensor.matrix.fill(3) }
        let norm = try optimisers.0.step(
            clipped, learningRate: 0.1, maximumNorm: 1, interruption: .none)
        for tensor in scaled.tensors(.gradient) { tensor.matrix.fill(Float(3 / (norm + 1e-6))) }
        _ = try optimisers.1.step(scaled, learningRate: 0.1, maximumNorm: 0, interruption: .none)
        for (a, b) in zip(clipped.tensors(.adapter), scaled.tensors(.adapter)) {
            #expect(relativeError(a.matrix.elements, b.matrix.elements) < 1e-6)
        }
    }

    @Test(
        arguments: [
            (Schedule.constant, [1.0, 1, 1, 1, 1]),
            (.constantWithWarmup, [0, 0.5, 1, 1, 1]),
            (.linear, [0, 0.5, 1, 2.0 / 3, 1.0 / 3]),
            (.cosine, [0, 0.5, 1, 0.75, 0.25]),
        ] as [(Schedule, [Double])])
    func schedulesFollowTransformers(schedule: Schedule, expected: [Double]) {
        for (step, factor) in expected.enumerated() {
            #expect(abs(schedule.factor(step: step, warmup: 2, total: 5) - factor) < 1e-12)
        }
    }

    @Test func anotherAdapterIsRefused() throws {
        let model = try randomDecoder()
        let optimiser = try AdamW(model, AdamW.Settings())
        try model.removeAdapter()
        try model.addAdapter(
            AdapterConfiguration(rank: 3, alpha: 3, dropout: 0, targets: ["q_proj"]), seed: 0)
        #expect(throws: VaccineError.self) {
            try optimiser.step(model, learningRate: 0.1, maximumNorm: 1, interruption: .none)
        }
    }

    @Test func momentsAreReadInTheShapeOfFiles() throws {
        let model = try randomDecoder()
        let optimiser = try AdamW(model, AdamW.Settings())
        for tensor in model.tensors(.gradient) { tensor.matrix.fill(2) }
        _ = try optimiser.step(model, learningRate: 0.1, maximumNorm: 0, interruption: .none)
        let name = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"
        let moment = try optimiser.tensor(.first, named: name)
        #expect(moment.shape == (32, 4))
        #expect(abs(moment.matrix[0, 0] - 0.2) < 1e-6)
    }
}
