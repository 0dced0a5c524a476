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
    /// Each frequency divided by a factor of its own, of two sets: one for sequences of up to the original
    /// context length, one for longer ones; queries and keys times a scale (LongRoPE, arXiv:2402.13753).
    case longRope(short: [Double], long: [Double], scale: Double, originalContextLength: Int)
}

/// What a rotary embedding turns pairs by, one number for each.
struct RotaryFrequencies {
    var usual: [Double]
    /// Those of sequences with more tokens than `beyond`; nil: the usual ones.
    var long: (values: [Double], beyond: Int)?
    /// Queries and keys are multiplied by it where they are turned.
    var scale = 1.0
}

struct RotarySettings: PositionSettings {
    var base = 10_000.0
    /// Numbers of a head, from its first, that are turned; 0: all.
    var size = 0
    var scaling = RotaryScaling.none
    /// Another base, without scaling, of the layers that see no further than a window; nil: they have the same.
    private var localBase: Double?
    /// For each layer what turns it: 0 nothing, 1 `base` with its scaling, 2 `localBase`; empty: 1 for all.
    private var layers: [Int] = []

    init() {}

    init(_ reader: inout DescriptionReader) {
        base = reader.real("rotary_base")
        size = reader.integer("rotary_size", otherwise: 0)
        let factor = reader.real("rotary_factor")
        let low = reader.real("rotary_low_frequency_factor")
        let high = reader.real("rotary_high_frequency_factor")
        let original = reader.integer("rotary_original_context_length")
        reader.faults.expect("rotary_original_context_length", original, in: int32Range)
        func factors(_ key: String) -> [Double] { reader.has(key) ? reader.numbers(key) : [] }
        let longRope = RotaryScaling.longRope(
            short: factors("rotary_short_factors"), long: factors("rotary_long_factors"),
            scale: reader.real("rotary_scale", otherwise: 1), originalContextLength: original)
        let kinds: [(name: String, kind: RotaryScaling)] = [
            ("default", .none), ("linear", .linear(factor: factor)),
            (
                "llama3",
                .llama3(
                    factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
                    originalContextLength: original)
            ), ("longrope", longRope),
        ]
        layers = reader.has("rotary_layers") ? reader.integers("rotary_layers") : []
        localBase = reader.has("rotary_local_base") ? reader.real("rotary_local_base") : nil
        scaling = reader.choice("rotary_scaling", among: kinds) ?? .none
    }

    func check(_ attention: AttentionSettings, layerCount: Int, _ faults: inout Faults) {
        faults.expectOne(
            "rotary_layers", layers, forEachOf: layerCount, in: 0...(localBase == nil ? 1 : 2))
        if let localBase { faults.expectPositive("rotary_local_base", localBase) }
        if size == 0 && attention.headSize % 2 != 0 {
            faults.add("head_size must be even, got \(attention.headSize)", about: "head_size")
        } else if sizes.contains(attention.headSize), sizes.contains(size),
            size + size % 2 > attention.headSize
        {
            faults.add(
                "rotary_size, even or rounded up, must be at most head_size "
                    + "\(attention.headSize), got \(size)",
                about: "rotary_size")
        }
        faults.expect("rotary_size", size, in: 0...sizes.upperBound)
        faults.expectPositive("rotary_base", base)
        scaling.check(&faults)
        if case .longRope(let short, let long, _, _) = scaling {
            let pairs = pairCount(attention.headSize)
            for (key, values) in [("rotary_short_factors", short), ("rotary_long_factors", long)]
            where values.count != pairs {
                faults.add(
                    "\(key) must have an entry for each of \(counted(pairs, "pair")), got "
                        + "\(values.count)", about: key)
            }
        }
    }

    private func pairCount(_ headSize: Int) -> Int {
        let turned = size == 0 ? headSize : size
        return turned / 2 + turned % 2
    }

    func layOut(_ configuration: ModelConfiguration, in arena: Arena) -> any PositionEncoding {
        let (headSize, positions) = (configuration.attention.headSize, configuration.contextLength)
        func table(_ frequencies: RotaryFrequencies) -> RotaryEmbedding {
            RotaryEmbedding(frequencies, headSize: headSize, positions: positions, in: arena)
        }
        var frequencies = RotaryFrequencies(usual: frequencies(headSize: headSize))
        if case .longRope(_, let long, let scale, let original) = scaling {
            frequencies.scale = scale
            frequencies.long = (zip(plain(base, headSize), long).map { $0 / $1 }, original)
        }
        let everywhere = table(frequencies)
        guard !layers.isEmpty else { return everywhere }
        let local = localBase.map { table(RotaryFrequencies(usual: plain($0, headSize))) }
        return LayeredRotary(tables: [everywhere] + (local.map { [$0] } ?? []), layers: layers)
    }

    private func plain(_ base: Double, _ headSize: Int) -> [Double] {
        let turned = Double(size == 0 ? headSize : size)
        return (0..<pairCount(headSize)).map { pow(base, -2 * Double($0) / turned) }
    }

    /// One frequency for each pair of a head that is turned, with their scaling.
    func frequencies(headSize: Int) -> [Double] {
        let plain = plain(base, headSize)
        switch scaling {
        case .none: return plain
        case .linear(let factor): return plain.map { $0 / factor }
        case .longRope(let short, _, _, _): return zip(plain, short).map { $0 / $1 }
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
        case .longRope(let short, let long, let scale, let original):
            for factor in short { faults.expectPositive("rotary_short_factors", factor) }
            for factor in long { faults.expectPositive("rotary_long_factors", factor) }
            faults.expectPositive("rotary_scale", scale)
            faults.expect("rotary_original_context_length", original, in: sizes)
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
