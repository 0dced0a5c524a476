internal import VaccineNumerics

/// Settings of learned positions: how many rows of the table come before that of position 0.
struct LearnedPositionSettings: PositionSettings {
    var offset: Int
    let modules = ["positions"]

    init(_ reader: inout DescriptionReader) { offset = reader.integer("position_offset") }

    func check(_ attention: AttentionSettings, layerCount: Int, _ faults: inout Faults) {
        faults.expect("position_offset", offset, in: 0...1 << 20)
    }

    func layOut(_ configuration: ModelConfiguration, in arena: Arena) -> any PositionEncoding {
        LearnedPositions(
            table: arena.weight(
                rows: configuration.contextLength + offset, columns: configuration.hiddenSize,
                configuration.precision),
            offset: offset, place: arena.matrix(rows: 1, columns: configuration.hiddenSize))
    }
}

/// A learned vector for every position, added to the token's embedding.
///
/// ```
/// x[t, :] += table[position[t] + offset, :]
/// ```
struct LearnedPositions: PositionEncoding {
    /// Shape [context + offset, C].
    let table: Weight
    let offset: Int
    /// For one row of the table, [1, C].
    let place: Matrix

    var weights: [(ending: String, values: Weight)] { [("weight", table)] }

    func add(to x: Matrix, at positions: Positions) {
        for (row, position) in positions.ofRows.enumerated() {
            table.rows(position + offset..<position + offset + 1).read(into: place)
            x.rows(row..<row + 1).add(place)
        }
    }
}
