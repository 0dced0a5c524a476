internal import VaccineNumerics

/// Settings of a position encoding, as a description has them.
protocol PositionSettings: Sendable {
    init(_ reader: inout DescriptionReader)
    /// The model's words for its modules with weights.
    var modules: [String] { get }
    func check(_ attention: AttentionSettings, layerCount: Int, _ faults: inout Faults)
    func layOut(_ configuration: ModelConfiguration, in arena: Arena) -> any PositionEncoding
}

/// How a model tells where a token stands: by what is added to its embedding, by turning its queries and keys, or
/// both.
protocol PositionEncoding: Sendable {
    /// Its frozen weights, by what their tensors' names end in.
    var weights: [(ending: String, values: Weight)] { get }
    /// Computes what was only laid out.
    ///
    /// - Throws: `VaccineError.interrupted`.
    func fill(_ interruption: Interruption) throws(VaccineError)
    /// What turns queries and keys of a layer.
    func ofLayer(_ index: Int) -> any PositionEncoding
    /// - Parameter x: embeddings [T, C], changed in place.
    func add(to x: Matrix, at positions: Positions)
    /// - Parameters:
    ///   - states: rows that begin with `heads` heads of queries and keys, changed in place.
    ///   - inverse: turns a gradient back.
    func turn(_ states: Matrix, heads: Int, at positions: Positions, inverse: Bool)
    /// Positions are turned alike in sequences of lengths of one kind.
    func kind(ofLength length: Int) -> Int
}

extension PositionSettings {
    var modules: [String] { [] }
}

extension PositionEncoding {
    var weights: [(ending: String, values: Weight)] { [] }
    func fill(_ interruption: Interruption) throws(VaccineError) {}
    func ofLayer(_ index: Int) -> any PositionEncoding { self }
    func add(to x: Matrix, at positions: Positions) {}
    func turn(_ states: Matrix, heads: Int, at positions: Positions, inverse: Bool) {}
    func kind(ofLength length: Int) -> Int { 0 }

    /// Whether what came before a token at this position is turned otherwise once the token is there.
    func changesWhatCame(before position: Int) -> Bool {
        kind(ofLength: position) != kind(ofLength: position + 1)
    }
}

/// Of a layer whose queries and keys say nothing of where they stand.
struct NoPositions: PositionEncoding {}

/// The place of every row in its sequence.
enum Positions {
    /// Sequences end to end: offsets [B + 1]. Lengths [B] where they had more tokens than there are rows; nil:
    /// they had as many. Starts [B], the positions of their first rows; nil: 0.
    case sequences(offsets: [Int], lengths: [Int]? = nil, starts: [Int]? = nil)
    /// One row of each sequence, at these positions.
    case single([Int])

    /// Every row's position, in the order of the rows.
    var ofRows: [Int] {
        switch self {
        case .sequences(let offsets, _, let starts):
            offsets.dropLast().indices.flatMap { sequence in
                let start = starts?[sequence] ?? 0
                return start..<start + offsets[sequence + 1] - offsets[sequence]
            }
        case .single(let positions): positions
        }
    }

    /// Calls `body` for every row, in parallel.
    ///
    /// - Parameter length: of the row's sequence, as far as it is known.
    func forEachRow(_ body: @Sendable (_ row: Int, _ position: Int, _ length: Int) -> Void) {
        switch self {
        case .sequences(let offsets, let lengths, let starts):
            Threads.forEachRange(of: offsets.last ?? 0) { range in
                for (sequence, first) in offsets.dropLast().enumerated() {
                    let rows = first..<offsets[sequence + 1]
                    let start = starts?[sequence] ?? 0
                    let length = lengths?[sequence] ?? start + rows.count
                    for row in rows.clamped(to: range) { body(row, start + row - first, length) }
                }
            }
        case .single(let positions):
            Threads.forEachRange(of: positions.count) { range in
                for row in range { body(row, positions[row], positions[row] + 1) }
            }
        }
    }
}
