internal import VaccineNumerics

/// Rotary positions that are not the same in every layer.
struct LayeredRotary: PositionEncoding {
    let tables: [RotaryEmbedding]
    /// For each layer 0 for none or the number, from 1, of its table.
    let layers: [Int]

    func fill(_ interruption: Interruption) throws(VaccineError) {
        for table in tables { try table.fill(interruption) }
    }

    /// How many tables turn such sequences otherwise: each does so from one length on.
    func kind(ofLength length: Int) -> Int {
        tables.reduce(0) { $0 + $1.kind(ofLength: length) }
    }

    func ofLayer(_ index: Int) -> any PositionEncoding {
        layers[index] == 0 ? NoPositions() : tables[layers[index] - 1]
    }
}
