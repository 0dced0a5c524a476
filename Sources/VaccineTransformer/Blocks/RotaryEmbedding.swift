internal import Glibc
internal import VaccineNumerics

/// Rotary position embedding: pairs (i, i + R/2) of the first R numbers of every head are turned by position ·
/// frequency_i, and perhaps stretched.
///
/// ```
/// [a', b'] = s · [a·cos θ − b·sin θ, b·cos θ + a·sin θ],   θ = p · base^(−2i/R)
/// ```
/// Frequencies may be others in long sequences.
/// - SeeAlso: Su et al. 2021, arXiv:2104.09864; the pairing of halves as in Hugging Face's Llama; Ding et al.
///   2024, arXiv:2402.13753, for two sets of frequencies.
struct RotaryEmbedding: PositionEncoding {
    let headSize: Int
    private let frequencies: RotaryFrequencies
    private let usual: RotaryTable
    /// Nil: no sequence is that long.
    private let long: RotaryTable?
    /// The longest sequence with the usual frequencies.
    private let limit: Int

    /// Lays out the tables; `fill` computes them.
    init(frequencies: [Double], positions: Int, in arena: Arena) {
        self.init(
            RotaryFrequencies(usual: frequencies), headSize: 2 * frequencies.count,
            positions: positions, in: arena)
    }

    init(_ frequencies: RotaryFrequencies, headSize: Int, positions: Int, in arena: Arena) {
        self.headSize = headSize
        self.frequencies = frequencies
        let pairs = frequencies.usual.count
        limit = min(frequencies.long?.beyond ?? positions, positions)
        usual = RotaryTable(positions: limit, pairs: pairs, in: arena)
        long =
            limit < positions ? RotaryTable(positions: positions, pairs: pairs, in: arena) : nil
    }

    func fill(_ interruption: Interruption) throws(VaccineError) {
        try usual.fill(frequencies.usual, scale: frequencies.scale, interruption)
        if let values = frequencies.long?.values {
            try long?.fill(values, scale: frequencies.scale, interruption)
        }
    }

    func turn(_ states: Matrix, heads: Int, at positions: Positions, inverse: Bool) {
        positions.forEachRow { row, position, length in
            var target = states.mutable(row)
            rotate(
                &target, heads: heads, position: position, length: length, inverse: inverse)
        }
    }

    func kind(ofLength length: Int) -> Int { long != nil && length > limit ? 1 : 0 }

    /// Turns `heads` heads of a row of queries or keys in place.
    ///
    /// - Parameters:
    ///   - length: of the row's sequence; nil: up to this row.
    ///   - inverse: turns a gradient back.
    func rotate(
        _ row: inout MutableSpan<Float>, heads: Int, position: Int, length: Int? = nil,
        inverse: Bool = false
    ) {
        let isLong = (length ?? position + 1) > limit
        let table = isLong ? long ?? usual : usual
        let half = table.cosines.columns
        let cosine = table.cosines[position]
        let sine = table.sines[position]
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

/// cos and sin of every position, each [positions, R/2], times a scale.
private struct RotaryTable {
    let cosines: Matrix
    let sines: Matrix

    init(positions: Int, pairs: Int, in arena: Arena) {
        cosines = arena.matrix(rows: positions, columns: pairs)
        sines = arena.matrix(rows: positions, columns: pairs)
    }

    func fill(
        _ frequencies: [Double], scale: Double, _ interruption: Interruption
    ) throws(VaccineError) {
        // A cosine and a sine take as long as a hundred multiply-adds.
        let waves = Blocks(of: cosines.rows, work: 100 * frequencies.count, budget: 1 << 27)
        for positions in waves {
            try interruption.check(positions.lowerBound, of: cosines.rows)
            fill(frequencies, scale: scale, of: positions)
        }
    }

    private func fill(_ frequencies: [Double], scale: Double, of positions: Range<Int>) {
        for position in positions {
            var cosine = cosines.mutable(position)
            var sine = sines.mutable(position)
            for (index, frequency) in frequencies.enumerated() {
                let angle = Float(position) * Float(frequency)
                cosine[index] = Float(cos(Double(angle))) * Float(scale)
                sine[index] = Float(sin(Double(angle))) * Float(scale)
            }
        }
    }
}
