import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Sequences that begin alike, and models of each kind that reads them in its own way.
enum SharingCases {
    /// `count` tokens that no other `seed` begins with.
    static func tokens(_ count: Int, _ seed: Int) -> [Int32] {
        let stream = RandomStream(UInt64(seed))
        return (0..<count).map {
            $0 == 0 ? Int32(seed) : Int32(stream.word(at: $0) % 61)
        }
    }

    /// A batch of them, all tokens supervised.
    static func pack(
        _ sequences: [[Int32]], _ configuration: ModelConfiguration = .tiny
    ) throws -> PackedBatch {
        try PackedBatch(
            inputIDs: sequences.flatMap { $0 }, labels: sequences.flatMap { $0 },
            offsets: sequences.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) },
            configuration: configuration)
    }

    /// The same with the last `answer` tokens of each supervised, as a training step has it.
    static func pack(
        _ sequences: [[Int32]], answer: Int, _ configuration: ModelConfiguration = .tiny
    ) throws -> PackedBatch {
        var batch = PackedBatch()
        try batch.refill(
            inputIDs: sequences.flatMap { $0 },
            labels: sequences.flatMap { tokens in
                tokens.indices.map { $0 < tokens.count - answer ? PackedBatch.ignored : tokens[$0] }
            },
            offsets: sequences.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) },
            configuration: configuration, trimming: true)
        return batch
    }

    /// A tree over three blocks of queries: 70 tokens, then 40 of some; answers of 1 to 9, one that is all of
    /// another's beginning, one twice, and sequences with nothing in common with others.
    static var tree: [[Int32]] {
        let (root, branch) = (tokens(70, 1), tokens(40, 2))
        return [
            root + tokens(5, 3), tokens(30, 4), root + branch + tokens(1, 5),
            root + branch + tokens(9, 6) + tokens(30, 7), root, root + branch + tokens(9, 6),
            root + tokens(5, 3), tokens(2, 8), root + branch + tokens(9, 6),
        ]
    }

    static let kinds: [(name: String, changes: [String: ModelDescription.Value])] = [
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
    static func model(_ kind: Int, dropout: Double = 0.1) throws -> Decoder? {
        var description = ModelDescription.llama(
            [String: ModelDescription.Value].tiny.merging(kinds[kind].changes) { $1 })
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
                rank: 4, alpha: 8, dropout: dropout, targets: configuration.adapterTargets),
            seed: 2)
        for (index, tensor) in model.tensors(.adapter).enumerated() {
            let values = normal(tensor.matrix.rows, tensor.matrix.columns, seed: UInt64(index))
            values.scale(by: 0.1)
            tensor.matrix.copy(from: values)
        }
        return model
    }
}
