internal import VaccineNumerics
package import VaccineTransformer

extension ModelConfiguration {
    /// A decoder that runs in milliseconds.
    package static var tiny: ModelConfiguration {
        ModelConfiguration(
            vocabularySize: 61, hiddenSize: 32, feedForwardSize: 48, layerCount: 3, headCount: 4,
            keyValueHeadCount: 2, headSize: 8, contextLength: 200, tiedEmbeddings: true)
    }
}

/// A random decoder of that size with large enough weights to matter and an adapter that is not zero.
package func randomDecoder(
    _ configuration: ModelConfiguration = .tiny, dropout: Double = 0, adapter: Bool = true
) throws -> Decoder {
    let model = try Decoder(configuration)
    try model.initialise(seed: 1, interruption: .none)
    for tensor in model.tensors(.weight) where tensor.layout == .matrix {
        tensor.matrix.scale(by: 10)
    }
    guard adapter else { return model }
    try model.addAdapter(
        AdapterConfiguration(
            rank: 4, alpha: 8, dropout: dropout, targets: AdapterConfiguration.targetNames),
        seed: 2)
    for (index, tensor) in model.tensors(.adapter).enumerated() {
        tensor.matrix.copy(
            from: normal(tensor.matrix.rows, tensor.matrix.columns, seed: UInt64(index)))
        tensor.matrix.scale(by: 0.1)
    }
    return model
}

/// Sequences of random tokens of these lengths; the first third of each is not supervised.
package func randomBatch(_ lengths: [Int], seed: UInt64 = 5) throws -> PackedBatch {
    let stream = RandomStream(seed)
    let tokens = lengths.reduce(0, +)
    let ids = (0..<tokens).map { Int32(stream.word(at: $0) % 61) }
    let offsets = lengths.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
    var labels = ids
    for (start, length) in zip(offsets, lengths) {
        for position in start..<start + length / 3 { labels[position] = PackedBatch.ignored }
    }
    return try PackedBatch(
        inputIDs: ids, labels: labels, offsets: offsets, configuration: .tiny)
}
