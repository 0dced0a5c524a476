import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// States of all layers and tokens of one sequence, [L·T, C].
func attentionOutputs(_ model: Decoder, _ ids: [Int32], into outputs: Matrix) throws {
    let batch = try PackedBatch(
        inputIDs: ids, labels: nil, offsets: [0, ids.count], configuration: model.configuration)
    try model.hiddenStates(
        .attention, of: batch, layers: Array(0..<model.configuration.layerCount),
        pooling: Pooling(
            rows: Array(ids.indices), bounds: Array(0...ids.count), tokens: ids.count),
        interruption: .none, into: outputs)
}

@Suite struct DecoderTests {
    private func logits(_ model: Decoder, _ ids: [Int32]) throws -> [Float] {
        let output = zeros(ids.count, model.configuration.vocabularySize)
        try model.logits(ids, interruption: .none, into: output)
        return output.elements
    }

    @Test(arguments: GoldenFile.names)
    func logitsAndAttentionOutputsEqualTheOracle(name: String) throws {
        let golden = try GoldenFile(name)
        let model = try golden.decoder()
        let batch = try golden.batch()
        let expected = golden.floats("expected/logits")
        let outputs = golden.floats("expected/attention_outputs")
        let (vocabulary, hidden) = (
            model.configuration.vocabularySize, model.configuration.hiddenSize
        )
        for (start, end) in zip(batch.offsets, batch.offsets.dropFirst()) {
            let ids = Array(batch.inputIDs[start..<end])
            let found = try logits(model, ids)
            #expect(
                relativeError(found, Array(expected[start * vocabulary..<end * vocabulary])) < 1e-5)
            let seen = zeros(model.configuration.layerCount * ids.count, hidden)
            try attentionOutputs(model, ids, into: seen)
            for layer in 0..<model.configuration.layerCount {
                let base = layer * batch.tokenCount
                let slice = outputs[(base + start) * hidden..<(base + end) * hidden]
                let mine = seen.rows(layer * ids.count..<(layer + 1) * ids.count).elements
                #expect(relativeError(mine, Array(slice)) < 1e-5, "layer \(layer)")
            }
        }
    }

    @Test func mergingAnAdapterChangesNoLogit() throws {
        let model = try randomDecoder()
        let ids: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]
        let before = try logits(model, ids)
        try model.mergeAdapter(interruption: .none)
        #expect(model.adapter == nil)
        #expect(try relativeError(logits(model, ids), before) < 1e-5)
        #expect(throws: VaccineError.state("the model has no adapter")) {
            try model.removeAdapter()
        }
    }

    @Test(arguments: [0, 1, 10, 20]) func anInterruptedMergeChangesNoLogitAndCanBeCompleted(
        polls: Int
    ) throws {
        let model = try randomDecoder()
        let ids: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]
        let before = try logits(model, ids)
        #expect(throws: VaccineError.interrupted) {
            try withInterruption(afterPolls: polls) { try model.mergeAdapter(interruption: $0) }
        }
        #expect(model.tensors(.adapter).count == 3 * 7 * 2)
        #expect(try relativeError(logits(model, ids), before) < 1e-5)
        try model.mergeAdapter(interruption: .none)
        #expect(try relativeError(logits(model, ids), before) < 1e-5)
    }

    @Test func anInterruptedInitialisationIsNamed() throws {
        let model = try Decoder(.tiny)
        #expect(throws: VaccineError.interrupted) {
            try withInterruption(afterPolls: 0) {
                try model.initialise(seed: 1, interruption: $0)
            }
        }
        #expect(throws: VaccineError.self) { try model.checkComplete() }
    }

    @Test func aFreshAdapterChangesNothingAndItsRemovalNeither() throws {
        let model = try randomDecoder(adapter: false)
        let before = try logits(model, [1, 2, 3])
        try model.addAdapter(
            AdapterConfiguration(rank: 2, alpha: 4, dropout: 0.1, targets: ["q_proj", "up_proj"]),
            seed: 0)
        #expect(try logits(model, [1, 2, 3]) == before)
        #expect(model.tensors(.adapter).count == 3 * 2 * 2)
        try model.removeAdapter()
        #expect(try logits(model, [1, 2, 3]) == before)
    }

    @Test func lossDoesNotDependOnPacking() throws {
        let model = try randomDecoder()
        let packed = try randomBatch([12, 30, 7])
        let together = try model.loss(packed, interruption: .none)
        var sum = 0.0
        var count = 0
        for (start, end) in zip(packed.offsets, packed.offsets.dropFirst()) {
            let rows = packed.supervisedRows.indices.filter {
                (start..<end).contains(packed.supervisedRows[$0])
            }
            let ids = Array(packed.inputIDs[start..<end])
            var labels = [Int32](repeating: PackedBatch.ignored, count: ids.count)
            for index in rows {
                labels[packed.supervisedRows[index] - start + 1] = packed.targets[index]
            }
            let alone = try PackedBatch(
                inputIDs: ids, labels: labels, offsets: [0, ids.count], configuration: .tiny)
            sum += try model.loss(alone, interruption: .none) * Double(rows.count)
            count += rows.count
        }
        #expect(abs(sum / Double(count) - together) < 1e-6)
    }

    @Test func theLossIsTheMeanOfTheSupervisedRowsOwnLosses() throws {
        let model = try randomDecoder()
        // More supervised rows than have their logits at one time.
        let batch = try randomBatch([190, 7, 200])
        let count = batch.supervisedRows.count
        #expect(count > LanguageHead.rowsAtOnce)
        let losses = zeros(count, 1)
        let mean = try model.loss(batch, interruption: .none, losses: losses)
        let sum = losses.elements.reduce(0.0) { $0 + Double($1) }
        #expect(abs(sum / Double(count) - mean) < 1e-12)
        var place = 0
        for (start, end) in zip(batch.offsets, batch.offsets.dropFirst()) {
            let rows = try logits(model, Array(batch.inputIDs[start..<end]))
            for row in batch.supervisedRows where (start..<end).contains(row) {
                let z = rows[(row - start) * 61..<(row - start + 1) * 61].map(Double.init)
                let expected = log(z.reduce(0) { $0 + exp($1) }) - z[Int(batch.targets[place])]
                #expect(abs(Double(losses[place, 0]) - expected) < 1e-4)
                place += 1
            }
        }
        #expect(place == count)
    }

    @Test func writtenTensorsComeBackAndFaultsAreNamed() throws {
        let model = try Decoder(.tiny)
        #expect(throws: VaccineError.self) { try model.checkComplete() }
        let name = "model.layers.1.self_attn.k_proj.weight"
        let values = normal(16, 32, seed: 1)
        try model.write(.weight, named: name, values, shape: (16, 32))
        let copy = zeros(16, 32)
        try model.tensor(.weight, named: name).read(into: copy)
        #expect(copy.elements == values.elements)
        #expect(throws: VaccineError.value("\(name): the shape must be [16, 32], got [32, 16]")) {
            try model.write(.weight, named: name, values, shape: (32, 16))
        }
        #expect(throws: VaccineError.value("name: the model has no weight tensor 'nonsense'")) {
            try model.write(.weight, named: "nonsense", values, shape: (16, 32))
        }
        values[2, 3] = .nan
        #expect(throws: VaccineError.value("\(name): the element at [2, 3] is nan")) {
            try model.write(.weight, named: name, values, shape: (16, 32))
        }
    }

    @Test func everyFaultOfAConfigurationIsListed() {
        let faulty = [String: ModelDescription.Value].tiny.merging(
            ["head_size": 7, "key_value_head_count": 3, "norm_epsilon": -1.0]
        ) { $1 }
        #expect {
            try ModelConfiguration(.llama(faulty))
        } throws: { error in
            guard case .value(let text) = error as? VaccineError else { return false }
            return ["head_size", "key_value_head_count", "norm_epsilon"].allSatisfy(text.contains)
        }
    }

    @Test(arguments: [
        ([Int32](), [Int32](), [0, 0], "input_ids"), ([1, 61], [1, 1], [0, 2], "input_ids"),
        ([1, -1], [1, 1], [0, 2], "input_ids"), ([1, 2], [1], [0, 2], "labels"),
        ([1, 2], [1, -7], [0, 2], "labels"), ([1, 2], [1, 2], [0, 1], "offsets"),
        ([1, 2], [1, 2], [0, 0, 2], "offsets"),
        (
            [Int32](repeating: 1, count: 201), [Int32](repeating: 1, count: 201), [0, 201],
            "context"
        ),
    ])
    func aFaultyBatchIsRefusedByName(
        ids: [Int32], labels: [Int32], offsets: [Int], name: String
    ) {
        #expect {
            try PackedBatch(
                inputIDs: ids, labels: labels, offsets: offsets, configuration: .tiny)
        } throws: { error in
            guard case .value(let text) = error as? VaccineError else { return false }
            return text.contains(name)
        }
    }

    @Test func onlyRowsBeforeASupervisedTokenOfTheirSequenceReachTheLoss() throws {
        let batch = try PackedBatch(
            inputIDs: [5, 6, 7, 8, 9], labels: [5, -100, 7, 8, 9], offsets: [0, 3, 5],
            configuration: .tiny)
        #expect(batch.supervisedRows == [1, 3])
        #expect(batch.targets == [7, 9])
    }

    @Test func aTrimmedBatchEndsWithTheLastRowThatReachesTheLoss() throws {
        var batch = PackedBatch()
        try batch.refill(
            inputIDs: [5, 6, 7, 8, 9, 4, 3], labels: [5, 6, -100, 8, -100, 4, -100],
            offsets: [0, 3, 5, 7], configuration: .tiny, trimming: true)
        #expect(batch.inputIDs == [5])
        #expect(batch.offsets == [0, 1])
        try batch.refill(
            inputIDs: [5, 6, 7, 8, 9, 4, 3], labels: [5, 6, 7, 8, -100, -100, 3],
            offsets: [0, 3, 5, 7], configuration: .tiny, trimming: true)
        #expect(batch.inputIDs == [5, 6, 4])
        #expect(batch.givenIndices == [0, 1, 5])
        #expect(batch.offsets == [0, 2, 3])
        #expect(batch.supervisedRows == [0, 1, 2])
        #expect(batch.targets == [6, 7, 3])
        #expect(batch.givenCount == 7)
    }
}
