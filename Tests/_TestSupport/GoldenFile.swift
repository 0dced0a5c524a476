internal import Foundation
internal import VaccineNumerics
package import VaccineTransformer

/// One of the oracle's files in Tests/Golden (see the README there): safetensors with JSON metadata.
package struct GoldenFile: CustomStringConvertible, Sendable {
    package static let names = [
        "grouped_tied", "untied_biases", "llama3_rope", "query_value_linear_rope",
        "opt_norm_first", "opt_norm_last_projected", "qwen2", "qwen3", "mistral_window",
        "smollm3", "olmo2", "gemma", "gemma2", "gemma3", "gpt_neox", "gpt_neox_sequential",
        "phi3",
    ]

    private struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        let data_offsets: [Int]
    }

    package let description: String
    private let entries: [String: Entry]
    private let metadata: [String: String]
    private let body: Data

    package init(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        let data = try Data(contentsOf: folder.appending(path: "Golden/\(name).safetensors"))
        let length = data.prefix(8).enumerated().reduce(0) {
            $0 | Int($1.element) << (8 * $1.offset)
        }
        let header = data[8..<8 + length]
        var fields = try JSONSerialization.jsonObject(with: header) as? [String: Any] ?? [:]
        metadata = fields.removeValue(forKey: "__metadata__") as? [String: String] ?? [:]
        entries = try JSONDecoder().decode(
            [String: Entry].self, from: JSONSerialization.data(withJSONObject: fields))
        body = Data(data[(8 + length)...])
        description = name
    }

    package var tensorNames: [String] { entries.keys.sorted() }

    package func floats(_ name: String) -> [Float] { values(name, "F32", Float.self) }
    package func doubles(_ name: String) -> [Double] { values(name, "F64", Double.self) }
    package func double(_ name: String) -> Double { doubles(name)[0] }
    package func integers(_ name: String) -> [Int32] { values(name, "I32", Int32.self) }
    package func shape(_ name: String) -> [Int] { entries[name]?.shape ?? [] }

    /// Settings under a metadata key, decoded from JSON.
    package func settings<Settings: Decodable>(
        _ key: String, as: Settings.Type
    ) throws -> Settings {
        try JSONDecoder().decode(Settings.self, from: Data((metadata[key] ?? "").utf8))
    }

    private func values<Element>(_ name: String, _ dtype: String, _: Element.Type) -> [Element] {
        guard let entry = entries[name], entry.dtype == dtype else { return [] }
        let bytes = body[entry.data_offsets[0]..<entry.data_offsets[1]]
        let size = MemoryLayout<Element>.size
        return unsafe bytes.withUnsafeBytes { raw in
            (0..<bytes.count / size).map {
                unsafe raw.loadUnaligned(fromByteOffset: $0 * size, as: Element.self)
            }
        }
    }
}

/// The Hugging Face configuration of a golden file.
private struct HuggingFaceConfiguration: Decodable {
    struct Scaling: Decodable {
        let rope_type: String?
        let type: String?
        let factor: Double?
        let low_freq_factor: Double?
        let high_freq_factor: Double?
        let original_max_position_embeddings: Int?
    }

    let vocab_size, hidden_size, intermediate_size, num_hidden_layers: Int
    let num_attention_heads, num_key_value_heads, head_dim, max_position_embeddings: Int
    let rms_norm_eps: Double
    let rope_theta: Double?
    let rope_scaling: Scaling?
    let attention_bias, mlp_bias, tie_word_embeddings: Bool
}

/// One value of a description in JSON.
private struct DescriptionValue: Decodable {
    let value: ModelDescription.Value

    init(from decoder: any Swift.Decoder) throws {
        let single = try decoder.singleValueContainer()
        if let flag = try? single.decode(Bool.self) {
            value = .flag(flag)
        } else if let integer = try? single.decode(Int.self) {
            value = .integer(integer)
        } else if let real = try? single.decode(Double.self) {
            value = .real(real)
        } else if let text = try? single.decode(String.self) {
            value = .text(text)
        } else {
            value = .numbers(try single.decode([Double].self))
        }
    }
}

private struct LoRASettings: Decodable {
    let r: Int
    let lora_alpha: Double
    let target_modules: [String]
}

extension GoldenFile {
    package var configuration: ModelConfiguration {
        get throws {
            if metadata["description"] != nil {
                let values = try settings("description", as: [String: DescriptionValue].self)
                return try ModelConfiguration(ModelDescription(values.mapValues(\.value)))
            }
            let hf = try settings("config", as: HuggingFaceConfiguration.self)
            let scaling = hf.rope_scaling
            return try ModelConfiguration(
                .llama([
                    "vocabulary_size": .integer(hf.vocab_size),
                    "hidden_size": .integer(hf.hidden_size),
                    "feed_forward_size": .integer(hf.intermediate_size),
                    "layer_count": .integer(hf.num_hidden_layers),
                    "head_count": .integer(hf.num_attention_heads),
                    "key_value_head_count": .integer(hf.num_key_value_heads),
                    "head_size": .integer(hf.head_dim),
                    "context_length": .integer(hf.max_position_embeddings),
                    "norm_epsilon": .real(hf.rms_norm_eps),
                    "tied_embeddings": .flag(hf.tie_word_embeddings),
                    "query_key_value_bias": .flag(hf.attention_bias),
                    "attention_output_bias": .flag(hf.attention_bias),
                    "feed_forward_bias": .flag(hf.mlp_bias),
                    "rotary_base": .real(hf.rope_theta ?? 10_000),
                    "rotary_scaling": .text(scaling?.rope_type ?? scaling?.type ?? "default"),
                    "rotary_factor": .real(scaling?.factor ?? 1),
                    "rotary_low_frequency_factor": .real(scaling?.low_freq_factor ?? 1),
                    "rotary_high_frequency_factor": .real(scaling?.high_freq_factor ?? 4),
                    "rotary_original_context_length":
                        .integer(scaling?.original_max_position_embeddings ?? 1),
                ]))
        }
    }

    /// The decoder with its weights and adapter.
    package func decoder() throws -> Decoder {
        let decoder = try Decoder(configuration)
        let lora = try settings("lora", as: LoRASettings.self)
        try decoder.addAdapter(
            AdapterConfiguration(
                rank: lora.r, alpha: lora.lora_alpha, dropout: 0, targets: lora.target_modules),
            seed: 0)
        for (prefix, kind) in [("weight/", TensorKind.weight), ("adapter/", .adapter)] {
            for name in tensorNames where name.hasPrefix(prefix) {
                let shape = shape(name)
                let columns = shape.count == 1 ? 0 : shape[1]
                try decoder.write(
                    kind, named: String(name.dropFirst(prefix.count)),
                    matrix(
                        floats(name), rows: columns == 0 ? 1 : shape[0],
                        columns: columns == 0 ? shape[0] : columns),
                    shape: (shape[0], columns))
            }
        }
        try decoder.checkComplete()
        return decoder
    }

    package func batch(_ name: String = "batch") throws -> PackedBatch {
        try PackedBatch(
            inputIDs: integers("\(name)/input_ids"), labels: integers("\(name)/labels"),
            offsets: integers("\(name)/offsets").map(Int.init), configuration: configuration)
    }
}
