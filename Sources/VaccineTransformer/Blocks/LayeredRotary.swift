/// Rotary positions that are not the same in every layer.
struct LayeredRotary: PositionEncoding {
    let tables: [RotaryEmbedding]
    /// For each layer 0 for none or the number, from 1, of its table.
    let layers: [Int]

    func fill() { tables.forEach { $0.fill() } }

    func changesWhatCame(before position: Int) -> Bool {
        tables.contains { $0.changesWhatCame(before: position) }
    }

    func ofLayer(_ index: Int) -> any PositionEncoding {
        layers[index] == 0 ? NoPositions() : tables[layers[index] - 1]
    }
}
