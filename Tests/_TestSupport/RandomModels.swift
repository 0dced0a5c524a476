internal import VaccineNumerics
package import VaccineTransformer

extension ModelConfiguration {
    /// A decoder that runs in milliseconds.
    package static var tiny: ModelConfiguration {
        do {
            return try ModelConfiguration(.llama(.tiny))
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

extension [String: ModelDescription.Value] {
    /// What describes it.
    package static let tiny: [String: ModelDescription.Value] = [
        "vocabulary_size": 61, "hidden_size": 32, "feed_forward_size": 48, "layer_count": 3,
        "head_count": 4, "key_value_head_count": 2, "head_size": 8, "context_length": 200,
        "tied_embeddings": true,
    ]
}

extension ModelDescription {
    /// A Llama under its checkpoints' names, with these values in place of or beside its usual ones.
    package static func llama(_ changes: [String: Value]) -> ModelDescription {
        let layer = "model.layers.{layer}"
        let usual: [String: Value] = [
            "norm": "rms", "norm_epsilon": 1e-5, "positions": "rotary", "rotary_base": 10_000.0,
            "rotary_scaling": "default", "rotary_factor": 1.0,
            "rotary_low_frequency_factor": 1.0, "rotary_high_frequency_factor": 4.0,
            "rotary_original_context_length": 200, "query_key_value_bias": false,
            "attention_output_bias": false, "feed_forward": "gated_silu",
            "feed_forward_bias": false, "tied_embeddings": false, "precision": "float32",
            "names.embedding": "model.embed_tokens",
            "names.attention_norm": .text("\(layer).input_layernorm"),
            "names.query": .text("\(layer).self_attn.q_proj"),
            "names.key": .text("\(layer).self_attn.k_proj"),
            "names.value": .text("\(layer).self_attn.v_proj"),
            "names.attention_output": .text("\(layer).self_attn.o_proj"),
            "names.feed_forward_norm": .text("\(layer).post_attention_layernorm"),
            "names.gate": .text("\(layer).mlp.gate_proj"),
            "names.up": .text("\(layer).mlp.up_proj"),
            "names.down": .text("\(layer).mlp.down_proj"),
            "names.final_norm": "model.norm", "names.head": "lm_head",
        ]
        return ModelDescription(usual.merging(changes) { $1 })
    }
}

/// A random decoder of that size with large enough weights to matter and an adapter that is not zero.
package func randomDecoder(
    _ configuration: ModelConfiguration = .tiny, dropout: Double = 0, adapter: Bool = true
) throws -> Decoder {
    let model = try Decoder(configuration)
    try model.initialise(seed: 1, interruption: .none)
    for tensor in model.tensors(.weight) where tensor.layout == .matrix {
        let values = zeros(tensor.shape.rows, tensor.shape.columns)
        tensor.read(into: values)
        values.scale(by: 10)
        tensor.write(values)
    }
    guard adapter else { return model }
    try model.addAdapter(
        AdapterConfiguration(
            rank: 4, alpha: 8, dropout: dropout, targets: configuration.adapterTargets),
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
