internal import VaccineNumerics

/// The rotated keys and the values of everything that sequences have seen, each in a place of its own.
final class KeyValueCache {
    /// Tokens that each place has room for.
    let capacity: Int
    /// Tokens seen by the sequence in each place.
    fileprivate(set) var lengths: [Int]
    private var free: [Int]
    private var taken: [Bool]
    /// One [B · K · 2 · capacity, D] for each layer: what a head keeps of a sequence lies in one stream, keys and then
    /// values.
    private let layers: [Weight]
    fileprivate let heads: Int
    private let arena: Arena

    /// Keys and values are held in the products' precision, float32 where weights are in blocks.
    ///
    /// - Throws: `VaccineError.memory` before allocating.
    init(
        _ configuration: ModelConfiguration, sequences: Int, capacity: Int
    ) throws(VaccineError) {
        let attention = configuration.attention
        func layOut(_ arena: Arena) -> [Weight] {
            (0..<configuration.layerCount).map { _ in
                arena.weight(
                    rows: sequences * attention.keyValueHeadCount * 2 * capacity,
                    columns: attention.headSize, configuration.precision.ofFactors)
            }
        }
        let plan = Arena()
        _ = layOut(plan)
        arena = try Arena(
            byteCount: plan.byteCount,
            purpose:
                "the cache of \(counted(sequences, "sequence")) of up to \(counted(capacity, "token"))"
        )
        layers = layOut(arena)
        heads = attention.keyValueHeadCount
        lengths = Array(repeating: 0, count: sequences)
        free = Array((0..<sequences).reversed())
        taken = Array(repeating: false, count: sequences)
        self.capacity = capacity
    }

    /// Places for all sequences, or for fewer where theirs would take more than 256 MiB, but not for fewer than 16.
    static func places(
        _ configuration: ModelConfiguration, sequences: Int, capacity: Int
    ) -> Int {
        let size = configuration.precision.ofFactors == .bfloat16 ? 2 : 4
        let (bytes, overflow) = (configuration.layerCount * capacity)
            .multipliedReportingOverflow(by: 2 * configuration.attention.keyValueWidth * size)
        return min(sequences, max(16, overflow ? 0 : (256 << 20) / max(bytes, 1)))
    }

    var places: Int { lengths.count }
    var freePlaces: Int { free.count }
    func isTaken(_ place: Int) -> Bool { taken[place] }

    /// An empty place; there must be a free one.
    func take() -> Int {
        let place = free.removeLast()
        (lengths[place], taken[place]) = (0, true)
        return place
    }

    func free(_ place: Int) {
        taken[place] = false
        free.append(place)
    }

    /// Forgets what a taken place has seen.
    func clear(_ place: Int) { lengths[place] = 0 }

    /// The memory of one layer.
    fileprivate func memory(ofLayer layer: Int) -> Weight { layers[layer] }
}

/// The sequences of a cache that a pass goes on with, in the pass's order.
struct CachedSequences {
    private let cache: KeyValueCache
    private let places: [Int]
    /// For each the rows of the pass that are its next; nil: one row each, in their order.
    let rows: [[Range<Int>]]?
    /// How much each has seen before the pass: the position of its next token.
    let lengths: [Int]

    init(_ cache: KeyValueCache, places: [Int], rows: [[Range<Int>]]?) {
        self.cache = cache
        self.places = places
        self.rows = rows
        lengths = places.map { cache.lengths[$0] }
    }

    /// What a layer has of the sequences.
    subscript(layer layer: Int) -> CachedLayer {
        CachedLayer(
            memory: cache.memory(ofLayer: layer), heads: cache.heads, capacity: cache.capacity,
            places: places, lengths: lengths, rows: rows)
    }

    /// Notes that the rows of the pass are in all layers.
    func advance() {
        for (sequence, place) in places.enumerated() {
            cache.lengths[place] += rows?[sequence].reduce(0) { $0 + $1.count } ?? 1
        }
    }
}
