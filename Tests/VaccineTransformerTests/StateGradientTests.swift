import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Gradients that a caller adds at hidden states and logits, against differences, and what visitors see.
@Suite struct StateGradientTests {
    private let lengths = [9, 4, 6]

    /// Σ ⟨weights, state⟩ of one state of one layer over all tokens.
    private func value(
        _ model: Decoder, _ batch: PackedBatch, _ state: HiddenState, _ layer: Int,
        _ weights: Matrix
    ) throws -> Double {
        var sum = 0.0
        _ = try model.forwardForTraining(
            batch, masks: nil, everyRow: true, interruption: .none
        ) { seen, index, values in
            guard seen == state, index == layer else { return }
            sum = zip(values.elements, weights.elements).reduce(0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        return sum
    }

    /// The derivative of `value` as the adapter moves along `directions`.
    private func slope(
        _ model: Decoder, along directions: [Matrix], of value: () throws -> Double
    ) throws -> Double {
        let h: Float = 1e-3
        func move(_ step: Float) {
            for (tensor, direction) in zip(model.tensors(.adapter), directions) {
                tensor.matrix.add(direction, scale: step)
            }
        }
        move(h)
        let up = try value()
        move(-2 * h)
        let down = try value()
        move(h)
        return (up - down) / Double(2 * h)
    }

    private func directions(_ model: Decoder) -> [Matrix] {
        model.tensors(.adapter).enumerated().map {
            normal($1.matrix.rows, $1.matrix.columns, seed: UInt64(100 + $0))
        }
    }

    private func along(_ model: Decoder, _ directions: [Matrix]) -> Double {
        zip(model.tensors(.gradient), directions).reduce(0.0) { sum, pair in
            sum
                + zip(pair.0.matrix.elements, pair.1.elements).reduce(0.0) {
                    $0 + Double($1.0) * Double($1.1)
                }
        }
    }

    @Test(arguments: HiddenState.allCases, [0, 1, 2])
    func aGradientAtAStateIsTheDerivativeOfWhatItBelongsTo(
        state: HiddenState, layer: Int
    ) throws {
        let model = try randomDecoder()
        let batch = try randomBatch(lengths)
        let weights = normal(batch.tokenCount, 32, seed: 9)
        let moved = directions(model)
        let expected = try slope(model, along: moved) {
            try value(model, batch, state, layer, weights)
        }
        let result = try model.forwardForTraining(
            batch, masks: nil, everyRow: true, interruption: .none
        ) { _, _, _ in }
        var extra = StateGradients(layers: 3)
        extra[state, layer] = weights
        let loss = try model.backward(
            result, from: .nothing, extra: extra, weights: true
        ) { _, _, _ in }
        #expect(loss == 0)
        #expect(abs(along(model, moved) - expected) < 1e-2 * max(1, abs(expected)))
    }

    @Test func gradientsAtStatesAndTheLossAddUp() throws {
        let model = try randomDecoder()
        let batch = try randomBatch(lengths)
        let weights = normal(batch.tokenCount, 32, seed: 9)
        func gradients(_ source: GradientSource, _ extra: StateGradients?) throws -> [Float] {
            model.zeroGradients()
            let result = try model.forwardForTraining(
                batch, masks: nil, everyRow: true, interruption: .none
            ) { _, _, _ in }
            _ = try model.backward(result, from: source, extra: extra, weights: true) { _, _, _ in
            }
            return model.tensors(.gradient).flatMap(\.matrix.elements)
        }
        var extra = StateGradients(layers: 3)
        extra[.feedForward, 1] = weights
        extra[.attention, 2] = weights
        let (loss, own) = try (gradients(.loss(weight: 2), nil), gradients(.nothing, extra))
        let together = try gradients(.loss(weight: 2), extra)
        #expect(relativeError(together, zip(loss, own).map(+)) < 1e-5)
    }

    @Test func theLossIsOneGradientAtTheLogits() throws {
        let model = try randomDecoder()
        let batch = try randomBatch([190, 7, 200])
        let rows = batch.supervisedRows.count
        func gradients(
            _ source: (ForwardResult) throws -> GradientSource
        ) throws -> [Float] {
            model.zeroGradients()
            let result = try model.forwardForTraining(
                batch, masks: nil, perturbation: nil, interruption: .none)
            _ = try model.backward(result, from: source(result), weights: true) { _, _, _ in }
            return model.tensors(.gradient).flatMap(\.matrix.elements)
        }
        let fromLogits = try gradients { result in
            let logits = zeros(rows, 61)
            try model.logits(result, into: logits)
            crossEntropy(
                logits, targets: batch.targets[...], gradientScale: 1 / Float(rows),
                losses: zeros(rows, 1))
            return .logits(logits)
        }
        let fromLoss = try gradients { _ in .loss(weight: 1) }
        #expect(relativeError(fromLogits, fromLoss) < 1e-6)
    }

    @Test func computingEveryRowOfTheLastLayerChangesNoGradient() throws {
        let model = try randomDecoder()
        let batch = try randomBatch(lengths)
        func gradients(everyRow: Bool) throws -> [Float] {
            model.zeroGradients()
            let result = try model.forwardForTraining(
                batch, masks: nil, everyRow: everyRow, interruption: .none
            ) { _, _, _ in }
            _ = try model.backward(result, from: .loss(weight: 1), weights: true) { _, _, _ in }
            return model.tensors(.gradient).flatMap(\.matrix.elements)
        }
        #expect(try relativeError(gradients(everyRow: true), gradients(everyRow: false)) < 1e-6)
    }

    @Test func visitorsMeetEveryStateOfEveryLayerOnBothWays() throws {
        let model = try randomDecoder()
        var seen: [String] = []
        let result = try model.forwardForTraining(
            randomBatch(lengths), masks: nil, everyRow: false, interruption: .none
        ) { state, layer, _ in seen.append("\(state) \(layer)") }
        let forward = (0..<3).flatMap { layer in
            ["attention \(layer)", "feedForward \(layer)", "residual \(layer)"]
        }
        #expect(seen == forward)
        seen = []
        _ = try model.backward(result, from: .loss(weight: 1), weights: false) { state, layer, _ in
            seen.append("\(state) \(layer)")
        }
        #expect(seen == forward.reversed())
    }
}
