import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// With gradients, what sequences have in common before their first supervised row is computed once.
@Suite struct SharedPromptTests {
    /// The loss and all gradients of a batch as it is, and as `sharing` makes it.
    private func gradients(
        _ model: Decoder, _ batch: PackedBatch
    ) throws -> (loss: Double, values: [[Float]]) {
        model.zeroGradients()
        let result = try model.forwardForTraining(
            batch, masks: nil, perturbation: nil, interruption: .none)
        let loss = try model.adapterGradients(result, weight: 1)
        return (loss, model.tensors(.gradient).map(\.matrix.elements))
    }

    @Test(arguments: SharingCases.kinds.indices, [1, 3])
    func gradientsAreTheSumOverTheSequences(kind: Int, threads: Int) throws {
        guard let model = try SharingCases.model(kind, dropout: 0) else { return }
        let configuration = model.configuration
        let batch = try SharingCases.pack(SharingCases.tree, answer: 3, configuration)
        let shared = model.sharingPrompts(batch)
        #expect(shared.tokenCount < batch.tokenCount * 2 / 3)
        try Threads.withFixedCount(threads) {
            let (loss, expected) = try gradients(model, batch)
            let found = try gradients(model, shared)
            #expect(found.loss == loss, "\(SharingCases.kinds[kind].name)")
            let bound = configuration.precision == .bfloat16 ? 1e-2 : 1e-5
            for (one, other) in zip(found.values, expected) {
                #expect(relativeError(one, other) < bound, "\(SharingCases.kinds[kind].name)")
            }
        }
    }

    /// Against differences of the loss, which shares nothing here: one sequence at a time.
    @Test func aGradientThroughSharedRowsIsTheDerivativeOfTheLoss() throws {
        guard let model = try SharingCases.model(0, dropout: 0) else { return }
        let sequences = SharingCases.tree.filter { $0.count > 4 }
        let batch = try SharingCases.pack(sequences, answer: 4)
        #expect(model.sharingPrompts(batch).prefixes.contains { $0.count == 2 })
        let parts = try sequences.map { try SharingCases.pack([$0], answer: 4) }
        let (_, values) = try gradients(model, model.sharingPrompts(batch))
        let directions = model.tensors(.adapter).enumerated().map {
            normal($1.matrix.rows, $1.matrix.columns, seed: UInt64(100 + $0))
        }
        let step: Float = 1e-3
        func loss(movedBy step: Float) throws -> Double {
            for (tensor, direction) in zip(model.tensors(.adapter), directions) {
                tensor.matrix.add(direction, scale: step)
            }
            let losses = try parts.map { try model.loss($0, interruption: .none) }
            return losses.reduce(0, +) / Double(losses.count)
        }
        let up = try loss(movedBy: step)
        let down = try loss(movedBy: -2 * step)
        let slope = (up - down) / Double(2 * step)
        let along = zip(values, directions).reduce(0.0) { sum, pair in
            sum + zip(pair.0, pair.1.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        }
        #expect(abs(along - slope) < 1e-2 * abs(slope))
    }

    @Test func supervisedRowsStayApartAndInTheirOrder() throws {
        let root: [Int32] = Array(1...10)
        let model = try randomDecoder()
        let batch = try SharingCases.pack(
            [root + [30, 31], [7, 8, 9], root + [30, 31], root + [40, 31]], answer: 2)
        let shared = model.sharingPrompts(batch)
        // The tenth token's row predicts 30 or 40; the last token of each sequence predicts nothing.
        #expect(
            shared.inputIDs == Array(1...9) + [10, 30] + [7, 8] + [10, 30] + [10, 40])
        #expect(shared.offsets == [0, 9, 11, 13, 15, 17])
        #expect(shared.prefixes == [[], [0..<9], [], [0..<9], [0..<9]])
        #expect(shared.supervisedRows == [9, 10, 11, 12, 13, 14, 15, 16])
        #expect(shared.targets == batch.targets)
        #expect(shared.targets == [30, 31, 8, 9, 30, 31, 40, 31])
        #expect(shared.givenIndices == Array(0...8) + [9, 10, 12, 13, 24, 25, 36, 37])
        #expect(shared.givenCount == batch.givenCount)
    }

    @Test func dropoutAndPromptsWithNothingInCommonLeaveTheBatchAsItIs() throws {
        let batch = try SharingCases.pack(SharingCases.tree, answer: 3)
        #expect(try randomDecoder(dropout: 0.1).sharingPrompts(batch) == batch)
        let apart = try SharingCases.pack((1..<9).map { SharingCases.tokens(20, $0) }, answer: 3)
        #expect(try randomDecoder().sharingPrompts(apart) == apart)
    }

    /// All rows find their place in the memory of the batch that was given, whatever the tree.
    @Test func memoryIsThatOfTheBatch() throws {
        for seed in 0..<200 {
            let stream = RandomStream(UInt64(seed))
            // Choices of two make deep trees with many ends.
            let sequences = (0..<12).map { sequence -> [Int32] in
                let depth = 1 + Int(stream.word(at: sequence) % 6)
                let choices = (0..<depth).map { stream.word(at: 20 + 10 * sequence + $0) % 2 }
                return choices.flatMap { [Int32](repeating: Int32($0), count: 9) } + [5, 6]
            }
            let batch = try SharingCases.pack(sequences, answer: 1)
            let shared = SharedPrefixes(batch, supervised: false) { _ in 0 }.batch
            #expect(shared.prefixRows <= SharedPrefixes.mostPrefixRows(ofTokens: batch.tokenCount))
            #expect(shared.tokenCount <= batch.tokenCount)
        }
    }

    @Test func aReservedStepNeedsNoMoreMemory() throws {
        let model = try randomDecoder()
        let batch = try SharingCases.pack(SharingCases.tree, answer: 3)
        try model.reserve(
            tokens: batch.tokenCount, sequences: batch.sequenceCount, longest: batch.longest,
            training: true)
        let planned = model.training?.capacity
        _ = try gradients(model, model.sharingPrompts(batch))
        #expect(model.training?.capacity == planned)
    }
}
