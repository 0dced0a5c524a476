internal import VaccineNumerics

/// The rotated keys and the values of everything that a batch of sequences has seen.
struct KeyValueCache {
    /// Tokens that each sequence has room for.
    let capacity: Int
    /// Tokens seen by each sequence.
    var lengths: [Int]
    /// One [B · capacity, 2·K·D] for each layer: keys left, values right.
    private let layers: [Matrix]
    private let arena: Arena

    /// - Throws: `VaccineError.memory` before allocating.
    init(
        _ configuration: ModelConfiguration, sequences: Int, capacity: Int
    ) throws(VaccineError) {
        func layOut(_ arena: Arena) -> [Matrix] {
            (0..<configuration.layerCount).map { _ in
                arena.matrix(rows: sequences * capacity, columns: 2 * configuration.keyValueWidth)
            }
        }
        let plan = Arena()
        _ = layOut(plan)
        arena = try Arena(
            byteCount: plan.byteCount,
            purpose: "the cache of \(sequences) sequences of up to \(capacity) tokens")
        layers = layOut(arena)
        lengths = Array(repeating: 0, count: sequences)
        self.capacity = capacity
    }

    /// The rows of one sequence in one layer, shape [capacity, 2·K·D].
    func sequence(_ index: Int, layer: Int) -> Matrix {
        layers[layer].rows(index * capacity..<(index + 1) * capacity)
    }
}
