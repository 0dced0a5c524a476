import Testing
import VaccineNumerics
import VaccineTraining
import VaccineTransformer
import _TestSupport

/// What holds whatever the numbers are.
@Suite struct LawTests {
    private func gradients(_ model: Decoder) -> [[Float]] {
        model.tensors(.gradient).map(\.matrix.elements)
    }

    private func step(
        _ session: TrainingSession, _ batch: PackedBatch, _ perturbation: Perturbation,
        weight: Double = 1, stream: UInt64 = 0
    ) throws -> StepReport {
        try session.forwardBackward(
            batch, PassOptions(perturbation: perturbation, weight: weight, seed: 1, stream: stream),
            interruption: .none)
    }

    @Test(arguments: [0, 0.25]) func zeroRhoIsPlainFineTuning(dropout: Double) throws {
        let model = try randomDecoder(dropout: dropout)
        let session = TrainingSession(model)
        for batch in try [randomBatch([20, 9]), batchOfOnePrompt()] {
            model.zeroGradients()
            let plain = try step(session, batch, .none)
            let expected = gradients(model)
            let none: [Perturbation] = [
                .worst(rho: 0), .gaussian(variance: 0),
                .given(zeros(3 * batch.givenCount, 32)),
            ]
            for perturbation in none {
                model.zeroGradients()
                let perturbed = try step(session, batch, perturbation)
                #expect(perturbed.loss == plain.loss)
                #expect(gradients(model) == expected)
            }
        }
    }

    /// Three answers to a prompt of twenty tokens.
    private func batchOfOnePrompt() throws -> PackedBatch {
        let prompt = [Int32](1...20)
        let rows = [prompt + [30, 31], prompt + [40], prompt + [30, 33]]
        return try PackedBatch(
            inputIDs: rows.flatMap { $0 },
            labels: rows.flatMap { $0.indices.map { $0 < 20 ? -100 : Int32(30 + $0) } },
            offsets: rows.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) },
            configuration: .tiny)
    }

    @Test(arguments: [0.01, 2, 50]) func theWholePerturbationHasNormRho(rho: Double) throws {
        let model = try randomDecoder()
        let session = TrainingSession(model)
        let batch = try randomBatch([20, 9])
        let report = try step(session, batch, .worst(rho: rho))
        let layers = try #require(session.states(.perturbations))
        let norm = layers.map(sumOfSquares).reduce(0, +).squareRoot()
        #expect(abs(norm / rho - 1) < 1e-5)
        for (layer, reported) in zip(layers, report.perturbationNorms) {
            #expect(abs(sumOfSquares(layer).squareRoot() / reported - 1) < 1e-5)
        }
        #expect(report.loss > report.cleanLoss)
    }

    @Test func onlyAMethodThatPerturbsTakesMemoryForIt() throws {
        let session = TrainingSession(try randomDecoder())
        let batch = try randomBatch([20, 9])
        _ = try step(session, batch, .none)
        try session.reserve(tokens: 60, sequences: 2, longest: 40, perturbed: false)
        #expect(session.perturbationRoom == 0)
        #expect(session.states(.perturbations) == nil)
        _ = try step(session, batch, .worst(rho: 2))
        #expect(session.perturbationRoom == batch.tokenCount)
        try session.reserve(tokens: 60, sequences: 2, longest: 40, perturbed: true)
        #expect(session.perturbationRoom == 60)
    }

    @Test func anotherAdapterFindsNoMemoryOfAPerturbation() throws {
        let session = TrainingSession(try randomDecoder())
        let batch = try randomBatch([20, 9])
        let expected = try step(session, batch, .worst(rho: 2)).loss
        session.adapterChanged()
        #expect(session.perturbationRoom == 0)
        #expect(session.states(.perturbations) == nil)
        #expect(try step(session, batch, .worst(rho: 2)).loss == expected)
        #expect(session.perturbationRoom == batch.tokenCount)
    }

    @Test func noTokenAfterTheLastTargetIsPerturbed() throws {
        let model = try randomDecoder()
        let session = TrainingSession(model)
        let batch = try randomBatch([20, 9])
        _ = try step(session, batch, .worst(rho: 2))
        let layers = try #require(session.states(.perturbations))
        for layer in layers {
            for last in [19, 28] { #expect(layer[last..<last + 1] == zeros(1, 32).elements) }
        }
        // In the last layer only rows that predict a target themselves reach the loss.
        #expect(layers[2][0..<5] == zeros(5, 32).elements)
        #expect(layers[1][0..<5] != zeros(5, 32).elements)
    }

    @Test func weightedStepsAddUp() throws {
        let model = try randomDecoder()
        let session = TrainingSession(model)
        let (first, second) = (try randomBatch([20, 9]), try randomBatch([15], seed: 8))
        _ = try step(session, first, .worst(rho: 2))
        let one = gradients(model)
        model.zeroGradients()
        _ = try step(session, second, .worst(rho: 2))
        let two = gradients(model)
        model.zeroGradients()
        _ = try step(session, first, .worst(rho: 2), weight: 0.25)
        _ = try step(session, second, .worst(rho: 2), weight: 0.75)
        for ((a, b), sum) in zip(zip(one, two), gradients(model)) {
            let expected = zip(a, b).map { 0.25 * $0 + 0.75 * $1 }
            #expect(relativeError(sum, expected) < 1e-5)
        }
    }

    @Test func runsAreBitIdenticalAndStreamsDiffer() throws {
        let model = try randomDecoder(dropout: 0.1)
        let session = TrainingSession(model)
        let batch = try randomBatch([20, 40])
        let first = try step(session, batch, .worst(rho: 2), stream: 4).loss
        let expected = gradients(model)
        model.zeroGradients()
        #expect(try step(session, batch, .worst(rho: 2), stream: 4).loss == first)
        #expect(gradients(model) == expected)
        #expect(try step(session, batch, .worst(rho: 2), stream: 5).loss != first)
    }

    @Test func randomPerturbationHasItsVariance() throws {
        let model = try randomDecoder()
        let session = TrainingSession(model)
        let batch = try randomBatch([60, 60])
        _ = try step(session, batch, .gaussian(variance: 0.04))
        let values = try #require(session.states(.perturbations)).flatMap(\.elements).map(
            Double.init)
        let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
        #expect(abs(variance / 0.04 - 1) < 4 * (2 / Double(values.count)).squareRoot())
    }

    @Test(arguments: [false, true]) func gradientsAreDerivatives(perturbed: Bool) throws {
        let model = try randomDecoder()
        let session = TrainingSession(model)
        let batch = try randomBatch([20, 9])
        _ = try step(session, batch, perturbed ? .worst(rho: 2) : .none)
        let scratch = LayerStates(zeros(3 * 29, 32), layers: 3, tokens: 29)
        var frozen: LayerStates?
        if perturbed {
            let copy = LayerStates(zeros(3 * 29, 32), layers: 3, tokens: 29)
            for (target, source) in try zip(copy, #require(session.states(.perturbations))) {
                target.copy(from: source)
            }
            frozen = copy
        }
        for (index, tensor) in model.tensors(.adapter).enumerated() {
            let value = tensor.matrix
            let gradient = model.tensors(.gradient)[index].matrix.elements
            let direction = normal(value.rows, value.columns, seed: UInt64(100 + index))
            direction.scale(by: Float(1 / sumOfSquares(direction).squareRoot()))
            let h: Float = 1e-2
            func loss(_ change: Float) throws -> Double {
                value.add(direction, scale: change)
                let result = try model.forwardForTraining(
                    batch, masks: nil, perturbation: frozen, interruption: .none)
                defer { value.add(direction, scale: -change) }
                return try model.attentionGradients(result, into: scratch)
            }
            let expected = try (loss(h) - loss(-h)) / Double(2 * h)
            let found = zip(gradient, direction.elements).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
            // Rounding of a loss near 4 in float32 divided by 2h, plus the h² term.
            #expect(abs(found - expected) < 1e-3, "\(tensor.name)")
        }
    }
}

extension Matrix {
    fileprivate subscript(range: Range<Int>) -> [Float] { rows(range).elements }
}
