import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

@Suite struct GenerationTests {
    private let prompts: [[Int32]] = [[1, 2, 3], [7], [4, 5, 6, 7, 8, 9, 10, 11], [9, 9]]

    private func pack(_ prompts: [[Int32]]) throws -> PackedBatch {
        try PackedBatch(
            inputIDs: prompts.flatMap { $0 }, labels: nil,
            offsets: prompts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) },
            configuration: .tiny)
    }

    private func generate(
        _ model: Decoder, _ prompts: [[Int32]], limits: [Int]? = nil,
        sampling: Sampling = Sampling(), end: Set<Int32> = [], places: Int? = nil
    ) throws -> [[Int32]] {
        try model.generate(
            pack(prompts), limits: limits ?? prompts.map { _ in 20 }, sampling: sampling,
            endTokens: end, places: places, interruption: .none)
    }

    @Test func greedyTokensAreThoseOfTheFullForwardPass() throws {
        let model = try randomDecoder()
        var ids = prompts[2]
        let expected = try (0..<20).map { _ in
            let logits = zeros(ids.count, 61)
            try model.logits(ids, interruption: .none, into: logits)
            let last = logits.rows(ids.count - 1..<ids.count).elements
            let best = Int32(last.indices.max { last[$0] < last[$1] } ?? 0)
            ids.append(best)
            return best
        }
        #expect(try generate(model, [prompts[2]]) == [expected])
    }

    @Test(arguments: [0.0, 0.8]) func aBatchGivesWhatEachPromptGivesAlone(
        temperature: Double
    ) throws {
        let model = try randomDecoder()
        let together = try generate(
            model, prompts, sampling: Sampling(temperature: temperature, topP: 0.9, seed: 3))
        for (index, prompt) in prompts.enumerated() {
            let alone = try generate(
                model, [prompt],
                sampling: Sampling(
                    temperature: temperature, topP: 0.9, seed: 3, firstPrompt: UInt64(index)))
            #expect(alone == [together[index]])
        }
    }

    @Test func promptsThatAreReadInSeveralPartsGiveWhatEachGivesAlone() throws {
        let model = try randomDecoder()
        let many = (0..<30).map { prompt in
            (0..<(20 + 5 * (prompt % 7))).map { Int32((7 * prompt + 3 * $0) % 61) }
        }
        #expect(try pack(many).parts(ofTokens: 1024).count == 2)
        let together = try generate(model, many)
        for (index, prompt) in many.enumerated() {
            #expect(try generate(model, [prompt]) == [together[index]])
        }
    }

    @Test(arguments: [1, 2, 3, 8], [0.0, 0.8]) func promptsThatWaitForAPlaceGetWhatEachGetsAlone(
        places: Int, temperature: Double
    ) throws {
        let model = try randomDecoder()
        let many = (0..<11).map { prompt in
            (0..<(1 + 5 * prompt % 7)).map { Int32((7 * prompt + 3 * $0) % 61) }
        }
        let limits = (0..<11).map { 1 + 3 * $0 % 8 }
        let sampling = Sampling(temperature: temperature, topP: 0.9, seed: 3)
        let free = try generate(model, many, limits: limits, sampling: sampling)
        #expect(free.map(\.count) == limits)
        let end = free[4][1]
        let found = try generate(
            model, many, limits: limits, sampling: sampling, end: [end], places: places)
        for (index, prompt) in many.enumerated() {
            var alone = sampling
            alone.firstPrompt = UInt64(index)
            let expected = try generate(
                model, [prompt], limits: [limits[index]], sampling: alone, end: [end])
            #expect([found[index]] == expected)
            #expect(found[index] == Array(free[index].prefix(found[index].count)))
        }
        #expect(found[4].last == end)
    }

    @Test func fewerPlacesThanPromptsOnlyWhereTheCacheIsLarge() throws {
        let all = KeyValueCache.places(.tiny, sequences: 100, capacity: 64)
        #expect(all == 100)
        let bytes =
            4 * 2 * ModelConfiguration.tiny.attention.keyValueWidth
            * ModelConfiguration.tiny.layerCount
        let capacity = (256 << 20) / bytes / 30
        #expect(KeyValueCache.places(.tiny, sequences: 100, capacity: capacity) == 30)
        #expect(KeyValueCache.places(.tiny, sequences: 100, capacity: 100 * capacity) == 16)
        #expect(KeyValueCache.places(.tiny, sequences: 3, capacity: 100 * capacity) == 3)
        let narrow = try ModelConfiguration(.llama(.tiny.merging(["precision": "bfloat16"]) { $1 }))
        #expect(KeyValueCache.places(narrow, sequences: 100, capacity: capacity) == 60)
    }

    /// Keys and values are then rounded, wherever they were computed.
    @Test(.enabled(if: Precision.bfloat16.isAvailable))
    func aBatchInBfloat16GivesWhatEachPromptGivesAlone() throws {
        let model = try randomDecoder(
            ModelConfiguration(.llama(.tiny.merging(["precision": "bfloat16"]) { $1 })))
        let together = try generate(model, prompts, places: 3)
        for (index, prompt) in prompts.enumerated() {
            #expect(try generate(model, [prompt]) == [together[index]])
        }
        #expect(Set(together.flatMap { $0 }).count > 3)
    }

    @Test func partsAreAsLongAsTheLimitAllows() throws {
        let batch = try pack(prompts)  // 3, 1, 8 and 2 tokens
        #expect(batch.parts(ofTokens: 1) == [0..<1, 1..<2, 2..<3, 3..<4])
        #expect(batch.parts(ofTokens: 4) == [0..<2, 2..<3, 3..<4])
        #expect(batch.parts(ofTokens: 12) == [0..<3, 3..<4])
        #expect(batch.parts(ofTokens: 14) == [0..<4])
        let last = batch.sequences(2..<4)
        #expect(last.inputIDs == [4, 5, 6, 7, 8, 9, 10, 11, 9, 9])
        #expect(last.offsets == [0, 8, 10])
    }

    @Test func theFirstOfTheLargestLogitsIsTaken() {
        var logits = [Float](repeating: -2, count: 40)
        for index in [17, 33, 39] { logits[index] = -1 }
        let row = matrix(logits, rows: 1, columns: 40)
        #expect(Sampling().choose(row[0], prompt: 0, step: 0) == 17)
    }

    @Test func generationStopsAfterTheEndToken() throws {
        let model = try randomDecoder()
        let free = try generate(model, prompts)
        let end = free[0][4]
        let stopped = try generate(model, prompts, end: [end])
        for (whole, cut) in zip(free, stopped) {
            let length = whole.firstIndex(of: end).map { $0 + 1 } ?? 20
            #expect(cut == Array(whole.prefix(length)))
        }
    }

    @Test func aTinyNucleusIsGreedy() throws {
        let model = try randomDecoder()
        let sampled = try generate(
            model, prompts, sampling: Sampling(temperature: 1, topP: 1e-9, seed: 1))
        #expect(try sampled == generate(model, prompts))
    }

    @Test func sampledSharesAreTheSoftmax() throws {
        let logits = matrix([0, 1, 2, -1], rows: 1, columns: 4)
        let count = 20_000
        var counts = [0, 0, 0, 0]
        for step in 0..<count {
            let sampling = Sampling(temperature: 2, topP: 1, seed: 0)
            let chosen = sampling.choose(logits[0], prompt: 0, step: step)
            counts[Int(try #require(chosen))] += 1
        }
        let weights = [1.0, 1.6487, 2.7183, 0.60653]
        let sum = weights.reduce(0, +)
        for (weight, seen) in zip(weights, counts) {
            let share = weight / sum
            let error = 4 * (share * (1 - share) / Double(count)).squareRoot()
            #expect(abs(Double(seen) / Double(count) - share) < error)
        }
    }

    /// Against the definition: everything sorted, the least number of tokens whose sum reaches top_p.
    @Test(arguments: [0.01, 0.3, 0.5, 0.9, 0.999, 1 - 1e-12], [0.2, 1, 50, 1e-300])
    func drawsAreThoseOfTheWholeVocabularySorted(topP: Double, temperature: Double) throws {
        let stream = RandomStream(5, 0)
        for step in 0..<30 {
            let values = (0..<157).map { index -> Float in
                let value = Float(12 * stream.uniform(at: 157 * step + index) - 6)
                return step % 3 == 0 ? value.rounded() : value
            }
            let maximum = try #require(values.max())
            let weights = values.map { exponential(Double($0 - maximum) / temperature) }
            let total = weights.reduce(0, +)
            var (nucleus, mass) = ([Int](), 0.0)
            for index in weights.indices.sorted(by: {
                (-weights[$0], $0) < (-weights[$1], $1)
            }) where mass < topP * total {
                nucleus.append(index)
                mass += weights[index]
            }
            var rest = RandomStream(9, 3).uniform(at: step) * mass
            let expected = nucleus.first {
                rest -= weights[$0]
                return rest < 0
            }
            let sampling = Sampling(
                temperature: temperature, topP: topP, seed: 9, firstPrompt: 1)
            let row = matrix(values, rows: 1, columns: values.count)
            let chosen = sampling.choose(row[0], prompt: 2, step: step)
            #expect(try #require(chosen) == Int32(try #require(expected)))
        }
    }

    @Test func faultySettingsAreNamed() throws {
        let model = try randomDecoder()
        #expect(throws: VaccineError.value("top_p must be in (0, 1], got 0.0")) {
            try generate(model, prompts, sampling: Sampling(temperature: 1, topP: 0))
        }
        #expect(throws: VaccineError.self) {
            try model.generate(
                pack(prompts), limits: prompts.map { _ in 500 }, sampling: Sampling(),
                endTokens: [],
                interruption: .none)
        }
    }
}
