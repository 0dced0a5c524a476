import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

@Suite struct HiddenStateTests {
    private func states(
        _ model: Decoder, _ batch: PackedBatch, _ kind: HiddenState, layers: [Int],
        _ pooling: Pooling
    ) throws -> Matrix {
        let output = zeros(layers.count * pooling.count, model.configuration.hiddenSize)
        try model.hiddenStates(
            kind, of: batch, layers: layers, pooling: pooling, interruption: .none, into: output)
        return output
    }

    private func everyToken(_ batch: PackedBatch) throws -> Pooling {
        let tokens = batch.tokenCount
        return try Pooling(
            rows: Array(0..<tokens), bounds: Array(0...tokens), tokens: tokens)
    }

    @Test func packedAttentionOutputsAreThoseOfEachSequence() throws {
        let model = try randomDecoder()
        let batch = try randomBatch([12, 30, 7])
        let layers = Array(0..<model.configuration.layerCount)
        let packed = try states(model, batch, .attention, layers: layers, everyToken(batch))
        for (start, end) in zip(batch.offsets, batch.offsets.dropFirst()) {
            let ids = Array(batch.inputIDs[start..<end])
            let alone = zeros(layers.count * ids.count, model.configuration.hiddenSize)
            try attentionOutputs(model, ids, into: alone)
            for layer in layers {
                let mine = packed.rows(
                    layer * batch.tokenCount + start..<layer * batch.tokenCount + end)
                let theirs = alone.rows(layer * ids.count..<(layer + 1) * ids.count)
                #expect(relativeError(mine.elements, theirs.elements) < 1e-5, "layer \(layer)")
            }
        }
    }

    @Test func theResidualStreamGrowsByWhatTheBlocksAdd() throws {
        let model = try randomDecoder()
        let batch = try randomBatch([9, 4])
        let tokens = try everyToken(batch)
        let before = try states(model, batch, .residual, layers: [0], tokens).elements
        let after = try states(model, batch, .residual, layers: [1], tokens).elements
        let attention = try states(model, batch, .attention, layers: [1], tokens).elements
        let feedForward = try states(model, batch, .feedForward, layers: [1], tokens).elements
        let sum = zip(before, zip(attention, feedForward)).map { $0 + $1.0 + $1.1 }
        #expect(relativeError(after, sum) < 1e-6)
    }

    @Test func layersAboveTheLastWantedOneAreNotComputed() throws {
        let model = try randomDecoder()
        let batch = try randomBatch([9, 4])
        let tokens = try everyToken(batch)
        let last = model.configuration.layerCount - 1
        func polls(_ layers: [Int]) throws -> Int {
            let output = zeros(layers.count * tokens.count, model.configuration.hiddenSize)
            func completes(_ polls: Int) -> Bool {
                let found: Void? = try? withInterruption(afterPolls: polls) {
                    try model.hiddenStates(
                        .residual, of: batch, layers: layers, pooling: tokens, interruption: $0,
                        into: output)
                }
                return found != nil
            }
            return try #require((0..<1000).first(where: completes))
        }
        #expect(try polls([0]) * (last + 1) <= polls([last]) + last)
        #expect(try polls([0, last]) == polls([last]))
        let all = try states(model, batch, .residual, layers: [0, last], tokens)
        let first = try states(model, batch, .residual, layers: [0], tokens)
        #expect(first.elements == all.rows(0..<tokens.count).elements)
    }

    @Test func aPooledRowIsTheMeanOfItsRows() throws {
        let model = try randomDecoder()
        let batch = try randomBatch([5, 3])
        let every = try states(model, batch, .residual, layers: [1], everyToken(batch))
        let pooling = try Pooling(rows: [0, 2, 4, 7], bounds: [0, 3, 4], tokens: 8)
        let pooled = try states(model, batch, .residual, layers: [1], pooling)
        for column in 0..<pooled.columns {
            let mean = [0, 2, 4].reduce(0.0) { $0 + Double(every[$1, column]) } / 3
            #expect(pooled[0, column] == Float(mean))
            #expect(pooled[1, column] == every[7, column])
        }
    }

    @Test(arguments: [
        ([0, 8], [0, 1, 2]), ([-1], [0, 1]), ([0, 1], [0, 1]), ([0, 1], [0, 0, 2]), ([0], [0]),
        ([0], []),
    ])
    func rowsAndBoundsOutsideTheBatchAreRefused(rows: [Int], bounds: [Int]) {
        #expect(throws: VaccineError.self) {
            try Pooling(rows: rows, bounds: bounds, tokens: 8)
        }
    }
}
