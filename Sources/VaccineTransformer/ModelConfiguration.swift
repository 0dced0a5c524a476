public import VaccineNumerics

/// How positions beyond the original context are squeezed into the rotary frequencies.
public enum RotaryScaling: Sendable, Equatable {
    case none
    /// All frequencies divided by `factor` (position interpolation, arXiv:2306.15595).
    case linear(factor: Double)
    /// Low frequencies divided by `factor`, high ones kept, a ramp between (Llama 3.1).
    case llama3(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
        originalContextLength: Int)
}

/// The shape of one decoder of the Llama family.
public struct ModelConfiguration: Sendable, Equatable {
    public var vocabularySize: Int  // V
    public var hiddenSize: Int  // C
    public var feedForwardSize: Int  // F
    public var layerCount: Int  // L
    public var headCount: Int  // H
    public var keyValueHeadCount: Int  // K
    public var headSize: Int  // D
    public var contextLength: Int
    public var normEpsilon: Float
    public var tiedEmbeddings: Bool
    public var queryKeyValueBias: Bool
    public var attentionOutputBias: Bool
    public var feedForwardBias: Bool
    public var rotaryBase: Double
    public var rotaryScaling: RotaryScaling
    /// Of the linear maps and the embedding; norms, biases and the adapter are float32.
    public var precision: Precision

    public init(
        vocabularySize: Int, hiddenSize: Int, feedForwardSize: Int, layerCount: Int,
        headCount: Int, keyValueHeadCount: Int, headSize: Int, contextLength: Int,
        normEpsilon: Float = 1e-5, tiedEmbeddings: Bool = false, queryKeyValueBias: Bool = false,
        attentionOutputBias: Bool = false, feedForwardBias: Bool = false,
        rotaryBase: Double = 10_000, rotaryScaling: RotaryScaling = .none,
        precision: Precision = .float32
    ) {
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.feedForwardSize = feedForwardSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
        self.contextLength = contextLength
        self.normEpsilon = normEpsilon
        self.tiedEmbeddings = tiedEmbeddings
        self.queryKeyValueBias = queryKeyValueBias
        self.attentionOutputBias = attentionOutputBias
        self.feedForwardBias = feedForwardBias
        self.rotaryBase = rotaryBase
        self.rotaryScaling = rotaryScaling
        self.precision = precision
    }

    /// Width of the queries, H·D, and of the attention context before the output projection.
    public var queryWidth: Int { headCount * headSize }
    /// Width of the keys, and of the values, K·D.
    public var keyValueWidth: Int { keyValueHeadCount * headSize }

    /// - Throws: `VaccineError.value` that lists every fault.
    public func validate() throws(VaccineError) {
        var faults: [String] = []
        let sizes = [
            ("vocabulary_size", vocabularySize), ("hidden_size", hiddenSize),
            ("feed_forward_size", feedForwardSize), ("layer_count", layerCount),
            ("head_count", headCount), ("key_value_head_count", keyValueHeadCount),
            ("head_size", headSize), ("context_length", contextLength),
        ]
        for (name, size) in sizes where !(1...1 << 28).contains(size) {
            faults.append("\(name) must be in [1, 2^28], got \(size)")
        }
        if headCount > 0, keyValueHeadCount > 0, headCount % keyValueHeadCount != 0 {
            faults.append(
                "head_count (\(headCount)) must be a multiple of key_value_head_count "
                    + "(\(keyValueHeadCount))")
        }
        if headSize % 2 != 0 { faults.append("head_size must be even, got \(headSize)") }
        if !(normEpsilon > 0 && normEpsilon.isFinite) {
            faults.append("norm_epsilon must be positive, got \(normEpsilon)")
        }
        if !(rotaryBase > 0 && rotaryBase.isFinite) {
            faults.append("rotary_base must be positive, got \(rotaryBase)")
        }
        if !precision.isAvailable {
            faults.append(
                "precision must be float32: this processor does not multiply \(precision)")
        }
        faults += rotaryScaling.faults
        if !faults.isEmpty { throw .value(faults.joined(separator: "; ")) }
    }
}

extension RotaryScaling {
    fileprivate var faults: [String] {
        switch self {
        case .none: return []
        case .linear(let factor):
            return factor > 0 && factor.isFinite
                ? [] : ["rotary_factor must be positive, got \(factor)"]
        case .llama3(let factor, let low, let high, let original):
            let numbersHold = [factor, low, high].allSatisfy { $0 > 0 && $0.isFinite }
            return numbersHold && low < high && original > 0
                ? []
                : [
                    "llama3 rotary scaling needs positive factors, low < high and a positive "
                        + "original context length, got factor \(factor), low \(low), "
                        + "high \(high), length \(original)"
                ]
        }
    }
}
