internal import VaccineNumerics

/// The kinds of blocks by their names in a description. A new kind is its file and its line here.
enum Kinds {
    private static let norms: [(name: String, kind: any NormSettings.Type)] = [
        ("rms", RMSNormSettings.self), ("layer", LayerNormSettings.self),
    ]

    private static let positionEncodings: [(name: String, kind: any PositionSettings.Type)] = [
        ("rotary", RotarySettings.self), ("learned", LearnedPositionSettings.self),
    ]

    static let activations: [(name: String, kind: any Activation)] = [
        ("gated_silu", SwiGLU()), ("gated_gelu", GatedGELU()),
        ("gated_gelu_tanh", GatedTanhGELU()), ("relu", ReLU()), ("gelu", GELU()),
        ("gelu_tanh", TanhGELU()),
    ]

    static let precisions: [(name: String, kind: Precision)] = [
        ("float32", .float32), ("bfloat16", .bfloat16), ("gguf", .blocks),
    ]

    static func norm(_ reader: inout DescriptionReader) -> any NormSettings {
        guard let kind = reader.choice("norm", among: norms) else {
            return reader.standIn { RMSNormSettings(&$0) }
        }
        return kind.init(&reader)
    }

    static func positions(_ reader: inout DescriptionReader) -> any PositionSettings {
        guard let kind = reader.choice("positions", among: positionEncodings) else {
            return reader.standIn { RotarySettings(&$0) }
        }
        return kind.init(&reader)
    }
}
