internal import VaccineNumerics
internal import VaccineTransformer

/// A sequence to learn from.
public struct Example: Sendable {
    public var tokens: [Int32]
    /// Which of them are to be predicted from those before.
    public var isSupervised: [Bool]

    /// - Parameter unsupervised: how many tokens at the start are given, as a prompt is; the others are to be
    ///   predicted.
    public init(tokens: [Int32], unsupervised: Int = 0) {
        self.tokens = tokens
        isSupervised = tokens.indices.map { $0 >= unsupervised }
    }
}

extension PackedBatch {
    init(_ examples: [Example], for decoder: Decoder) throws(VaccineError) {
        var (ids, labels, offsets): ([Int32], [Int32], [Int]) = ([], [], [0])
        for example in examples {
            guard example.tokens.count == example.isSupervised.count else {
                throw .value(
                    "isSupervised must have as many entries as tokens "
                        + "(\(example.tokens.count)), got \(example.isSupervised.count)")
            }
            ids += example.tokens
            labels += zip(example.tokens, example.isSupervised).map {
                $1 ? $0 : PackedBatch.ignored
            }
            offsets.append(ids.count)
        }
        try self.init(
            inputIDs: ids, labels: labels, offsets: offsets, configuration: decoder.configuration)
    }
}
