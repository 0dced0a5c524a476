internal import Glibc
internal import VaccineNumerics

/// Rotary position embedding: pairs (i, i + D/2) of every head are turned by position · frequency_i.
///
/// ```
/// [a', b'] = [a·cos θ − b·sin θ, b·cos θ + a·sin θ],   θ = p · base^(−2i/D)
/// ```
/// - SeeAlso: Su et al. 2021, arXiv:2104.09864; the pairing of halves as in Hugging Face's Llama.
struct RotaryEmbedding: PositionEncoding {
    /// cos and sin of every position, each [context, D/2].
    let cosines: Matrix
    let sines: Matrix
    private let headSize: Int
    private let frequencies: [Double]

    /// Lays out the tables; `fill` computes them.
    init(frequencies: [Double], positions: Int, in arena: Arena) {
        headSize = 2 * frequencies.count
        self.frequencies = frequencies
        cosines = arena.matrix(rows: positions, columns: headSize / 2)
        sines = arena.matrix(rows: positions, columns: headSize / 2)
    }

    func turn(_ states: Matrix, heads: Int, at positions: Positions, inverse: Bool) {
        positions.forEachRow { row, position in
            var target = states.mutable(row)
            rotate(&target, heads: heads, position: position, inverse: inverse)
        }
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
}
