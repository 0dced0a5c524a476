internal import Glibc
internal import VaccineNumerics

/// How positions beyond the original context are squeezed into the rotary frequencies.
enum RotaryScaling: Sendable, Equatable {
    case none
    /// All frequencies divided by `factor` (position interpolation, arXiv:2306.15595).
    case linear(factor: Double)
    /// Low frequencies divided by `factor`, high ones kept, a ramp between (Llama 3.1).
    case llama3(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
        originalContextLength: Int)
}

struct RotarySettings: PositionSettings {
    var base = 10_000.0
    var scaling = RotaryScaling.none
    /// Another base, without scaling, of the layers that see no further than a window; nil: they have the same.
    private var localBase: Double?
    /// For each layer what turns it: 0 nothing, 1 `base` with its scaling, 2 `localBase`; empty: 1 for all.
    private var layers: [Int] = []

    init() {}

    init(_ reader: inout DescriptionReader) {
        base = reader.real("rotary_base")
        let factor = reader.real("rotary_factor")
        let low = reader.real("rotary_low_frequency_factor")
        let high = reader.real("rotary_high_frequency_factor")
        let original = reader.integer("rotary_original_context_length")
        reader.faults.expect("rotary_original_context_length", original, in: int32Range)
        let kinds: [(name: String, kind: RotaryScaling)] = [
            ("default", .none), ("linear", .linear(factor: factor)),
            (
                "llama3",
                .llama3(
                    factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
                    originalContextLength: original)
            ),
        ]
        layers = reader.has("rotary_layers") ? reader.integers("rotary_layers") : []
        localBase = reader.has("rotary_local_base") ? reader.real("rotary_local_base") : nil
        scaling = reader.choice("rotary_scaling", among: kinds) ?? .none
    }

    func check(_ attention: AttentionSettings, layerCount: Int, _ faults: inout Faults) {
        faults.expectOne(
            "rotary_layers", layers, forEachOf: layerCount, in: 0...(localBase == nil ? 1 : 2))
        if let localBase { faults.expectPositive("rotary_local_base", localBase) }
        if attention.headSize % 2 != 0 {
            faults.add("head_size must be even, got \(attention.headSize)", about: "head_size")
        }
        faults.expectPositive("rotary_base", base)
        scaling.check(&faults)
    }

    func layOut(_ configuration: ModelConfiguration, in arena: Arena) -> any PositionEncoding {
        func table(_ frequencies: [Double]) -> RotaryEmbedding {
            RotaryEmbedding(
                frequencies: frequencies, positions: configuration.contextLength, in: arena)
        }
        let headSize = configuration.attention.headSize
        let everywhere = table(frequencies(headSize: headSize))
        guard !layers.isEmpty else { return everywhere }
        let local = localBase.map { table(plainFrequencies($0, headSize: headSize)) }
        return LayeredRotary(tables: [everywhere] + (local.map { [$0] } ?? []), layers: layers)
    }

    private func plainFrequencies(_ base: Double, headSize: Int) -> [Double] {
        (0..<headSize / 2).map { pow(base, -2 * Double($0) / Double(headSize)) }
    }

    /// The D/2 frequencies with their scaling.
    func frequencies(headSize: Int) -> [Double] {
        let plain = plainFrequencies(base, headSize: headSize)
        switch scaling {
        case .none: return plain
        case .linear(let factor): return plain.map { $0 / factor }
        case .llama3(let factor, let low, let high, let original):
            return plain.map { frequency in
                let wavelength = 2 * Double.pi / frequency
                if wavelength < Double(original) / high { return frequency }
                if wavelength > Double(original) / low { return frequency / factor }
                let ramp = (Double(original) / wavelength - low) / (high - low)
                return (1 - ramp) * frequency / factor + ramp * frequency
            }
        }
    }
}

extension RotaryScaling {
    fileprivate func check(_ faults: inout Faults) {
        switch self {
        case .none: break
        case .linear(let factor): faults.expectPositive("rotary_factor", factor)
        case .llama3(let factor, let low, let high, let original):
            let numbersHold = [factor, low, high].allSatisfy { $0 > 0 && $0.isFinite }
            if numbersHold && low < high && original > 0 { break }
            faults.add(
                "llama3 rotary scaling needs positive factors, low < high and a positive "
                    + "original context length, got factor \(factor), low \(low), "
                    + "high \(high), length \(original)",
                about: "rotary_factor", "rotary_low_frequency_factor",
                "rotary_high_frequency_factor", "rotary_original_context_length")
        }
    }
}

/// What the boundary's integers may be.
private let int32Range = Int(Int32.min)...Int(Int32.max)
