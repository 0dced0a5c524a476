import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Caps on scores and logits against the formula written out and against differences.
@Suite struct SoftCapTests {
    @Test func theHyperbolicTangentIsWithinFourUnitsOfItsLastPlace() {
        var values = (-400...400).map { Float($0) / 37 }
        values += [1e-30, -1e-7, 0.624_999_9, 0.625, -0.625_000_1, 30, -1e30, 3e38]
        for value in values {
            let found = Lanes(repeating: value).hyperbolicTangent()[3]
            let exact = tanh(Double(value))
            #expect(abs(Double(found) - exact) <= 4 * Double(Float(exact).ulp), "\(value)")
        }
        for value in [Float.nan, .infinity, -.infinity] {
            #expect(Lanes(repeating: value).hyperbolicTangent()[0].isNaN)
        }
    }

    @Test(arguments: [5, 16, 50]) func scoresAreBoundedAndKeepTheirOrder(width: Int) {
        let scores = normal(3, width, seed: 1)
        scores.scale(by: 4)
        let capped = matrix(scores.elements, rows: 3, columns: width)
        SoftCap(bound: 2).apply(to: capped)
        for (x, y) in zip(scores.elements, capped.elements) {
            #expect(abs(Double(y) - 2 * tanh(Double(x) / 2)) < 1e-6)
        }
        let dY = normal(3, width, seed: 2)
        let expected = zip(scores.elements, dY.elements).map {
            Double($1) / pow(cosh(Double($0) / 2), 2)
        }
        SoftCap(bound: 2).backward(capped, dY: dY, into: capped)
        for (found, exact) in zip(capped.elements, expected) {
            #expect(abs(Double(found) - exact) < 1e-6)
        }
    }

    private func capped(_ changes: [String: ModelDescription.Value]) throws -> ModelConfiguration {
        try ModelConfiguration(
            .llama([String: ModelDescription.Value].tiny.merging(changes) { $1 }))
    }

    /// Gradients of attention with a cap and a scale of its own, by differences; 70 rows reach over a block.
    @Test func cappedAttentionIsDerived() throws {
        let configuration = try capped(["attention_cap": 1.5, "attention_scale": 0.7]).attention
        let attention = Attention(configuration)
        let (offsets, tokens) = ([0, 3, 73], 73)
        let qkv = normal(tokens, configuration.queryKeyValueWidth, seed: 1)
        let v = normal(tokens, configuration.queryKeyValueWidth, seed: 2)
        let dContext = normal(tokens, configuration.queryWidth, seed: 3)
        let logSums = zeros(configuration.headCount, tokens)
        func scratch() -> [Matrix] {
            (0..<Threads.count).map { _ in zeros(Attention.queryBlock, tokens) }
        }
        func value(_ step: Float) throws -> Double {
            let moved = matrix(qkv.elements, rows: qkv.rows, columns: qkv.columns)
            moved.add(v, scale: step)
            let context = zeros(tokens, configuration.queryWidth)
            try attention.forward(
                moved, offsets: offsets, logSums: logSums, scratch: scratch(), rounded: nil,
                interruption: .none, into: context)
            return zip(context.elements, dContext.elements).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        let h: Float = 1e-2
        let expected = (try value(h) - value(-h)) / Double(2 * h)
        _ = try value(0)
        let dQKV = zeros(tokens, configuration.queryKeyValueWidth)
        try attention.backward(
            qkv, offsets: offsets, logSums: logSums, dContext: dContext, scratch: scratch(),
            second: scratch(), rounded: nil, roundedGradient: nil, interruption: .none, into: dQKV)
        let found = zip(dQKV.elements, v.elements).reduce(0.0) {
            $0 + Double($1.0) * Double($1.1)
        }
        #expect(abs(found - expected) < 5e-3 * max(1, abs(expected)))
    }

    /// From the loss, which makes the logits' gradients in their place, and from a caller's gradients, whose
    /// logits are made again; 40 supervised rows are more than are capped at once.
    @Test func aCallersGradientAtCappedLogitsIsThatOfTheLoss() throws {
        let model = try randomDecoder(capped(["logit_cap": 1.0]))
        let batch = try randomBatch([30, 31])
        let count = batch.supervisedRows.count
        #expect(count > LanguageHead.rowsCapped)
        func gradients(_ source: (ForwardResult) throws -> GradientSource) throws -> [Float] {
            model.zeroGradients()
            let result = try model.forwardForTraining(
                batch, masks: nil, perturbation: nil, interruption: .none)
            _ = try model.backward(result, from: source(result), weights: true) { _, _, _ in }
            return model.tensors(.gradient).flatMap { $0.matrix.elements }
        }
        let expected = try gradients { _ in .loss(weight: 1) }
        let found = try gradients { result in
            let logits = zeros(count, 61)
            try model.logits(result, into: logits)
            #expect(logits.elements.allSatisfy { abs($0) < 1 })
            crossEntropy(
                logits, targets: batch.targets[...], gradientScale: 1 / Float(count),
                losses: zeros(count, 1))
            return .logits(logits)
        }
        #expect(relativeError(found, expected) < 1e-5)
    }
}
