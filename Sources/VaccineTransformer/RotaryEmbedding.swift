internal import Glibc
internal import VaccineNumerics

/// Rotary position embedding: pairs (i, i + D/2) of every head are turned by position · frequency_i.
///
/// ```
/// [a', b'] = [a·cos θ − b·sin θ, b·cos θ + a·sin θ],   θ = p · base^(−2i/D)
/// ```
/// - SeeAlso: Su et al. 2021, arXiv:2104.09864; the pairing of halves as in Hugging Face's Llama.
struct RotaryEmbedding: Sendable {
    /// cos and sin of every position, each [context, D/2].
    let cosines: Matrix
    let sines: Matrix
    private let headSize: Int
    private let frequencies: [Double]

    /// Lays out the tables; `fill` computes them.
    init(_ configuration: ModelConfiguration, positions: Int, in arena: Arena) {
        headSize = configuration.headSize
        frequencies = RotaryEmbedding.frequencies(of: configuration)
        cosines = arena.matrix(rows: positions, columns: headSize / 2)
        sines = arena.matrix(rows: positions, columns: headSize / 2)
    }

    func fill() {
        for position in 0..<cosines.rows {
            var cosine = cosines.mutable(position)
            var sine = sines.mutable(position)
            for (index, frequency) in frequencies.enumerated() {
                let angle = Float(position) * Float(frequency)
                cosine[index] = Float(cos(Double(angle)))
                sine[index] = Float(sin(Double(angle)))
            }
        }
    }

    /// Turns `heads` heads of a row of queries or keys in place.
    ///
    /// - Parameter inverse: turns back, which is also the backward pass: rotations are orthogonal.
    func rotate(_ row: inout MutableSpan<Float>, heads: Int, position: Int, inverse: Bool = false) {
        let half = headSize / 2
        let cosine = cosines[position]
        let sine = sines[position]
        let sign: Float = inverse ? -1 : 1
        for head in 0..<heads {
            let (left, right) = (head * headSize, head * headSize + half)
            sweep(half) {
                let (a, b) = (row.lanes(at: left + $0), row.lanes(at: right + $0))
                let (c, s) = (cosine.lanes(at: $0), sine.lanes(at: $0) * sign)
                row.setLanes(a * c - b * s, at: left + $0)
                row.setLanes(b * c + a * s, at: right + $0)
            } tail: {
                for index in $0..<half {
                    let (a, b) = (row[left + index], row[right + index])
                    let (c, s) = (cosine[index], sine[index] * sign)
                    row[left + index] = a * c - b * s
                    row[right + index] = b * c + a * s
                }
            }
        }
    }

    /// The D/2 frequencies with their scaling.
    static func frequencies(of configuration: ModelConfiguration) -> [Double] {
        let plain = (0..<configuration.headSize / 2).map {
            pow(configuration.rotaryBase, -2 * Double($0) / Double(configuration.headSize))
        }
        switch configuration.rotaryScaling {
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
