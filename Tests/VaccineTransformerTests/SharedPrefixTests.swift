import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// What sequences have in common is computed once, and gives the bits that each sequence gives alone.
@Suite struct SharedPrefixTests {
    @Test func aTreeHasEveryCommonBeginningOnce() throws {
        let root: [Int32] = Array(1...10)
        let branch: [Int32] = Array(11...20)
        let batch = try SharingCases.pack([
            root + branch + [30, 31], [7], root + [40], root + branch + [32],
        ])
        let shared = SharedPrefixes(batch) { _ in 0 }
        #expect(shared.batch.inputIDs == root + branch + [30, 31, 7, 40, 32])
        #expect(shared.batch.offsets == [0, 10, 20, 22, 23, 24, 25])
        let both = [0..<10, 10..<20]
        #expect(shared.batch.prefixes == [[], [0..<10], both, [], [0..<10], both])
        #expect(shared.batch.givenLengths == [22, 22, 22, 1, 11, 21])
        #expect(shared.rows(ofSequence: 2) == [0..<10, 23..<24])
        #expect(shared.rows(ofSequence: 3) == [0..<20, 24..<25])
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
            let root = SharingCases.tokens(count, 1)
            let batch = try SharingCases.pack([root + [50], root + [51]])
            let shared = SharedPrefixes(batch) { _ in 0 }
            #expect(shared.batch.tokenCount == expected)
            #expect(shared.batch.prefixes.isEmpty == (count < least))
        }
    }

    @Test func lengthsOfDifferentKindsShareNothing() throws {
        let root = SharingCases.tokens(20, 1)
        let batch = try SharingCases.pack([
            root + [50], root + [51, 52], root + [53], root + [54, 55],
        ])
        let shared = SharedPrefixes(batch) { $0 > 21 ? 1 : 0 }
        #expect(shared.batch.tokenCount == 2 * 20 + 6)
        #expect(shared.rows[0..<20] == shared.rows[43..<63])
        #expect(shared.rows[21..<41] == shared.rows[64..<84])
        #expect(Set(shared.rows[0..<20]).isDisjoint(with: shared.rows[21..<41]))
    }

    private func losses(_ model: Decoder, _ batch: PackedBatch) throws -> [Float] {
        let losses = zeros(batch.supervisedRows.count, 1)
        _ = try model.loss(batch, interruption: .none, losses: losses)
        return losses.elements
    }

    @Test(arguments: SharingCases.kinds.indices, [1, 3])
    func lossesAreThoseOfEachSequenceAlone(kind: Int, threads: Int) throws {
        guard let model = try SharingCases.model(kind) else { return }
        let batch = try SharingCases.pack(SharingCases.tree, model.configuration)
        #expect(model.sharing(batch).batch.tokenCount < batch.tokenCount * 2 / 3)
        try Threads.withFixedCount(threads) {
            let expected = try SharingCases.tree.flatMap {
                try losses(model, SharingCases.pack([$0], model.configuration))
            }
            #expect(try losses(model, batch) == expected, "\(SharingCases.kinds[kind].name)")
            let mean = try model.loss(batch, interruption: .none)
            #expect(mean == expected.reduce(0.0) { $0 + Double($1) } / Double(expected.count))
        }
    }

    @Test func rowsThatSeveralSequencesAskHaveEachItsOwnTarget() throws {
        let model = try randomDecoder()
        let root = SharingCases.tokens(20, 1)
        let many = (0..<40).map { root + [Int32($0), 3] }
        let batch = try SharingCases.pack(many)
        #expect(batch.supervisedRows.count > model.sharing(batch).batch.tokenCount)
        #expect(
            try losses(model, batch) == many.flatMap { try losses(model, SharingCases.pack([$0])) })
    }

    @Test(arguments: SharingCases.kinds.indices) func statesAreThoseOfEachSequenceAlone(kind: Int)
        throws
    {
        guard let model = try SharingCases.model(kind) else { return }
        func states(_ sequences: [[Int32]], _ state: HiddenState) throws -> [Float] {
            let batch = try SharingCases.pack(sequences, model.configuration)
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
            let expected = try SharingCases.tree.flatMap { try states([$0], state) }
            #expect(
                try states(SharingCases.tree, state) == expected, "\(SharingCases.kinds[kind].name)"
            )
        }
    }

    @Test(arguments: SharingCases.kinds.indices)
    func promptsWithACommonBeginningAreContinuedAsEachAlone(kind: Int) throws {
        guard let model = try SharingCases.model(kind) else { return }
        func generate(
            _ prompts: [[Int32]], places: Int? = nil, first: Int = 0
        ) throws -> [[Int32]] {
            try model.generate(
                SharingCases.pack(prompts, model.configuration), limits: prompts.map { _ in 4 },
                sampling: Sampling(
                    temperature: 0.8, topP: 0.9, seed: 3, firstPrompt: UInt64(first)),
                endTokens: [], places: places, interruption: .none)
        }
        let together = try generate(SharingCases.tree, places: 5)
        for (index, prompt) in SharingCases.tree.enumerated() {
            #expect(
                try generate([prompt], first: index) == [together[index]],
                "\(SharingCases.kinds[kind].name)")
        }
    }

    /// Positions count from the tree's root, and all rows find their place in memory for the whole batch.
    @Test func positionsCountFromTheRootAndMemoryIsThatOfTheBatch() throws {
        let model = try randomDecoder()
        let batch = try SharingCases.pack(SharingCases.tree)
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
