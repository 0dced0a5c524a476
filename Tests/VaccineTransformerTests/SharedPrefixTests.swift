import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// What sequences have in common is computed once, and gives the bits that each sequence gives alone.
@Suite struct SharedPrefixTests {
    /// `count` tokens that no other `seed` begins with.
    private func tokens(_ count: Int, _ seed: Int) -> [Int32] {
        let stream = RandomStream(UInt64(seed))
        return (0..<count).map {
            $0 == 0 ? Int32(seed) : Int32(stream.word(at: $0) % 61)
        }
    }

    private func pack(
        _ sequences: [[Int32]], _ configuration: ModelConfiguration = .tiny
    ) throws -> PackedBatch {
        try PackedBatch(
            inputIDs: sequences.flatMap { $0 }, labels: sequences.flatMap { $0 },
            offsets: sequences.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) },
            configuration: configuration)
    }

    /// A tree over three blocks of queries: 70 tokens, then 40 of some; answers of 1 to 9, one that is all of
    /// another's beginning, one twice, and sequences with nothing in common with others.
    private var tree: [[Int32]] {
        let (root, branch) = (tokens(70, 1), tokens(40, 2))
        return [
            root + tokens(5, 3), tokens(30, 4), root + branch + tokens(1, 5),
            root + branch + tokens(9, 6) + tokens(30, 7), root, root + branch + tokens(9, 6),
            root + tokens(5, 3), tokens(2, 8), root + branch + tokens(9, 6),
        ]
    }

    @Test func aTreeHasEveryCommonBeginningOnce() throws {
        let root: [Int32] = Array(1...10)
        let branch: [Int32] = Array(11...20)
        let batch = try pack([root + branch + [30, 31], [7], root + [40], root + branch + [32]])
        let shared = SharedPrefixes(batch) { _ in 0 }
        #expect(shared.batch.inputIDs == root + [7] + branch + [40, 30, 31, 32])
        #expect(shared.batch.offsets == [0, 10, 11, 21, 22, 24, 25])
        let both = [0..<10, 11..<21]
        #expect(shared.batch.prefixes == [[], [], [0..<10], [0..<10], both, both])
        #expect(shared.batch.givenLengths == [22, 1, 22, 11, 22, 21])
        #expect(shared.rows(ofSequence: 3) == both + [24..<25])
        for (sequence, (start, end)) in zip(batch.offsets, batch.offsets.dropFirst()).enumerated() {
            let rows = shared.rows[start..<end]
            #expect(rows.map { shared.batch.inputIDs[$0] } == Array(batch.inputIDs[start..<end]))
            #expect(shared.rows(ofSequence: sequence).flatMap { Array($0) } == Array(rows))
            #expect(rows.map { shared.batch.positions.ofRows[$0] } == Array(0..<end - start))
        }
        #expect(shared.batch.longest == 22)
    }

    @Test func aShortBeginningIsNotShared() throws {
        let least = SharedPrefixes.shortest
        for (count, expected) in [(least - 1, 2 * least), (least, least + 2)] {
            let root = tokens(count, 1)
            let batch = try pack([root + [50], root + [51]])
            let shared = SharedPrefixes(batch) { _ in 0 }
            #expect(shared.batch.tokenCount == expected)
            #expect(shared.batch.prefixes.isEmpty == (count < least))
        }
    }

    @Test func lengthsOfDifferentKindsShareNothing() throws {
        let root = tokens(20, 1)
        let batch = try pack([root + [50], root + [51, 52], root + [53], root + [54, 55]])
        let shared = SharedPrefixes(batch) { $0 > 21 ? 1 : 0 }
        #expect(shared.batch.tokenCount == 2 * 20 + 6)
        #expect(shared.rows[0..<20] == shared.rows[43..<63])
        #expect(shared.rows[21..<41] == shared.rows[64..<84])
        #expect(Set(shared.rows[0..<20]).isDisjoint(with: shared.rows[21..<41]))
    }

    private static let kinds: [(name: String, changes: [String: ModelDescription.Value])] = [
        ("plain", [:]), ("bfloat16", ["precision": "bfloat16"]),
        ("windows", ["windows": .numbers([16, 0, 90])]),
        ("bfloat16 and windows", ["precision": "bfloat16", "windows": .numbers([15, 0, 90])]),
        ("caps", ["attention_cap": 1.5, "attention_scale": 0.7, "logit_cap": 3.0]),
        ("local base", ["rotary_local_base": 100.0, "rotary_layers": .numbers([1, 0, 1])]),
        (
            "long positions",
            [
                "rotary_scaling": "longrope", "rotary_original_context_length": 115,
                "rotary_short_factors": .numbers([1, 1, 1, 1]),
                "rotary_long_factors": .numbers([4, 3, 2, 1]), "rotary_scale": 1.1,
            ]
        ),
        ("parallel", ["residual": "parallel"]), ("normed heads", ["query_key_norm": "head"]),
        ("one key for all", ["key_value_head_count": 1]),
        ("learned positions", ["positions": "learned", "position_offset": 2]),
    ]

    /// A model of one of the kinds; nil where the processor lacks its precision.
    private func model(_ kind: Int) throws -> Decoder? {
        var description = ModelDescription.llama(
            [String: ModelDescription.Value].tiny.merging(Self.kinds[kind].changes) { $1 })
        let others = description.values["position_offset"] == nil ? "position_" : "rotary_"
        for key in description.values.keys where key.hasPrefix("names.") || key.hasPrefix(others) {
            description.values[key] = nil
        }
        let configuration = try ModelConfiguration(description)
        guard configuration.precision.isAvailable else { return nil }
        let model = try Decoder(configuration)
        try model.initialise(seed: 1, interruption: .none)
        for (index, tensor) in model.tensors(.weight).enumerated() where tensor.layout == .matrix {
            let values = normal(tensor.shape.rows, tensor.shape.columns, seed: UInt64(index))
            values.scale(by: 0.2)
            try model.write(.weight, named: tensor.name, values, shape: tensor.shape)
        }
        try model.addAdapter(
            AdapterConfiguration(
                rank: 4, alpha: 8, dropout: 0.1, targets: configuration.adapterTargets),
            seed: 2)
        for (index, tensor) in model.tensors(.adapter).enumerated() {
            let values = normal(tensor.matrix.rows, tensor.matrix.columns, seed: UInt64(index))
            values.scale(by: 0.1)
            tensor.matrix.copy(from: values)
        }
        return model
    }

    private func losses(_ model: Decoder, _ batch: PackedBatch) throws -> [Float] {
        let losses = zeros(batch.supervisedRows.count, 1)
        _ = try model.loss(batch, interruption: .none, losses: losses)
        return losses.elements
    }

    @Test(arguments: kinds.indices, [1, 3])
    func lossesAreThoseOfEachSequenceAlone(kind: Int, threads: Int) throws {
        guard let model = try model(kind) else { return }
        let batch = try pack(tree, model.configuration)
        #expect(model.sharing(batch).batch.tokenCount < batch.tokenCount * 2 / 3)
        try Threads.withFixedCount(threads) {
            let expected = try tree.flatMap { try losses(model, pack([$0], model.configuration)) }
            #expect(try losses(model, batch) == expected, "\(Self.kinds[kind].name)")
            let mean = try model.loss(batch, interruption: .none)
            #expect(mean == expected.reduce(0.0) { $0 + Double($1) } / Double(expected.count))
        }
    }

    @Test func rowsThatSeveralSequencesAskHaveEachItsOwnTarget() throws {
        let model = try randomDecoder()
        let root = tokens(20, 1)
        let many = (0..<40).map { root + [Int32($0), 3] }
        let batch = try pack(many)
        #expect(batch.supervisedRows.count > model.sharing(batch).batch.tokenCount)
        #expect(try losses(model, batch) == many.flatMap { try losses(model, pack([$0])) })
    }

    @Test(arguments: kinds.indices) func statesAreThoseOfEachSequenceAlone(kind: Int) throws {
        guard let model = try model(kind) else { return }
        func states(_ sequences: [[Int32]], _ state: HiddenState) throws -> [Float] {
            let batch = try pack(sequences, model.configuration)
            let count = batch.tokenCount
            let output = zeros(count, model.configuration.hiddenSize)
            try model.hiddenStates(
                state, of: batch, layers: [2],
                pooling: Pooling(
                    rows: Array(0..<count), bounds: Array(0...count), tokens: count),
                interruption: .none, into: output)
            return output.elements
        }
        for state in HiddenState.allCases {
            let expected = try tree.flatMap { try states([$0], state) }
            #expect(try states(tree, state) == expected, "\(Self.kinds[kind].name)")
        }
    }

    @Test(arguments: kinds.indices)
    func promptsWithACommonBeginningAreContinuedAsEachAlone(kind: Int) throws {
        guard let model = try model(kind) else { return }
        func generate(
            _ prompts: [[Int32]], places: Int? = nil, first: Int = 0
        ) throws -> [[Int32]] {
            try model.generate(
                pack(prompts, model.configuration), limits: prompts.map { _ in 4 },
                sampling: Sampling(
                    temperature: 0.8, topP: 0.9, seed: 3, firstPrompt: UInt64(first)),
                endTokens: [], places: places, interruption: .none)
        }
        let together = try generate(tree, places: 5)
        for (index, prompt) in tree.enumerated() {
            #expect(
                try generate([prompt], first: index) == [together[index]],
                "\(Self.kinds[kind].name)")
        }
    }

    /// Positions count from the tree's root, and all rows find their place in memory for the whole batch.
    @Test func positionsCountFromTheRootAndMemoryIsThatOfTheBatch() throws {
        let model = try randomDecoder()
        let batch = try pack(tree)
        let shared = model.sharing(batch)
        try model.reserve(
            tokens: batch.tokenCount, sequences: batch.sequenceCount, longest: batch.longest,
            training: false)
        let planned = model.inference?.capacity
        _ = try losses(model, batch)
        #expect(model.inference?.capacity == planned)
        #expect(shared.batch.longest == batch.longest)
        let positions = shared.batch.positions.ofRows
        for (start, end) in zip(batch.offsets, batch.offsets.dropFirst()) {
            #expect(shared.rows[start..<end].map { positions[$0] } == Array(0..<end - start))
        }
    }
}
