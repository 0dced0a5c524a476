import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

@Suite struct FrozenAdapterTests {
    private let ids: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]

    private func logits(_ model: Decoder) throws -> [Float] {
        let result = zeros(ids.count, model.configuration.vocabularySize)
        try model.logits(ids, interruption: .none, into: result)
        return result.elements
    }

    private func addAdapter(_ model: Decoder, rank: Int, targets: [String]) throws {
        try model.addAdapter(
            AdapterConfiguration(rank: rank, alpha: 3, dropout: 0, targets: targets), seed: 7)
        for (index, tensor) in model.tensors(.adapter).enumerated() {
            tensor.matrix.copy(
                from: normal(tensor.matrix.rows, tensor.matrix.columns, seed: UInt64(index + 50)))
            tensor.matrix.scale(by: 0.1)
        }
    }

    @Test(arguments: [1, 3], [2, 6])
    func aFrozenAdapterIsWorthAMergedOne(threads: Int, rank: Int) throws {
        try Threads.withFixedCount(threads) {
            let (frozen, merged) = (try randomDecoder(), try randomDecoder())
            try frozen.freezeAdapter()
            try merged.mergeAdapter(interruption: .none)
            #expect(frozen.tensors(.frozen).count == 3 * 7 * 2)
            #expect(frozen.tensors(.gradient).isEmpty)
            for model in [frozen, merged] {
                try addAdapter(model, rank: rank, targets: ["q_proj", "down_proj"])
            }
            #expect(try relativeError(logits(frozen), logits(merged)) < 1e-5)
            try frozen.freezeAdapter()
            try merged.mergeAdapter(interruption: .none)
            #expect(try relativeError(logits(frozen), logits(merged)) < 1e-5)
            try frozen.mergeAdapter(interruption: .none)
            for (one, other) in zip(frozen.tensors(.weight), merged.tensors(.weight)) {
                #expect(one.matrix.elements == other.matrix.elements, "\(one.name)")
            }
        }
    }

    @Test(arguments: [0, 5]) func anInterruptedMergeOfSeveralCanBeCompleted(polls: Int) throws {
        let model = try randomDecoder()
        try model.freezeAdapter()
        try addAdapter(model, rank: 3, targets: ["k_proj", "up_proj"])
        let before = try logits(model)
        #expect(throws: VaccineError.interrupted) {
            try withInterruption(afterPolls: polls) { try model.mergeAdapter(interruption: $0) }
        }
        #expect(try relativeError(logits(model), before) < 1e-5)
        try model.mergeAdapter(interruption: .none)
        #expect(try relativeError(logits(model), before) < 1e-5)
        #expect(model.tensors(.frozen).isEmpty)
    }

    @Test func whatMergingWouldMakeIsReadWithoutIt() throws {
        let model = try randomDecoder()
        try model.freezeAdapter()
        try addAdapter(model, rank: 2, targets: ["v_proj"])
        let read = model.tensors(.weight).map { tensor in
            let (rows, columns) = tensor.fileRowsAndColumns
            let sum = zeros(rows, columns)
            tensor.read(into: sum)
            model.addUpdates(ofWeight: tensor.name, to: sum)
            return sum.elements
        }
        try model.mergeAdapter(interruption: .none)
        #expect(read == model.tensors(.weight).map(\.matrix.elements))
    }

    @Test func droppingFrozenAdaptersGivesTheModelBack() throws {
        let model = try randomDecoder(adapter: false)
        let before = try logits(model)
        #expect(throws: VaccineError.state("the model has no adapter to freeze")) {
            try model.freezeAdapter()
        }
        try addAdapter(model, rank: 2, targets: ["v_proj"])
        try model.freezeAdapter()
        #expect(try logits(model) != before)
        model.removeFrozenAdapters()
        #expect(try logits(model) == before)
    }
}
