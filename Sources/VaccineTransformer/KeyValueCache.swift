internal import VaccineNumerics

/// The rotated keys and the values of everything that sequences have seen, each in a place of its own.
final class KeyValueCache {
    /// Tokens that each place has room for.
    let capacity: Int
    /// Tokens seen by the sequence in each place.
    fileprivate(set) var lengths: [Int]
    private var free: [Int]
    private var taken: [Bool]
    /// One [B · capacity, 2·K·D] for each layer: keys left, values right.
    private let layers: [Matrix]
    private let arena: Arena

    /// - Throws: `VaccineError.memory` before allocating.
    init(
        _ configuration: ModelConfiguration, sequences: Int, capacity: Int
    ) throws(VaccineError) {
        func layOut(_ arena: Arena) -> [Matrix] {
            (0..<configuration.layerCount).map { _ in
                arena.matrix(
                    rows: sequences * capacity, columns: 2 * configuration.attention.keyValueWidth)
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
        lengths = Array(repeating: 0, count: sequences)
        free = Array((0..<sequences).reversed())
        taken = Array(repeating: false, count: sequences)
        self.capacity = capacity
    }

    /// Places for all sequences, or for fewer where theirs would take more than 256 MiB, but not for fewer than 16.
    static func places(
        _ configuration: ModelConfiguration, sequences: Int, capacity: Int
    ) -> Int {
        let (bytes, overflow) = (configuration.layerCount * capacity)
            .multipliedReportingOverflow(
                by: 2 * configuration.attention.keyValueWidth * MemoryLayout<Float>.stride)
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

    /// The rows of one sequence in one layer, shape [capacity, 2·K·D].
    func sequence(_ index: Int, layer: Int) -> Matrix {
        layers[layer].rows(index * capacity..<(index + 1) * capacity)
    }
}

/// The sequences of a cache that a pass goes on with, in the pass's order.
struct CachedSequences {
    let cache: KeyValueCache
    let numbers: [Int]
    /// For each the rows of the pass that are its next; nil: one row each, in their order.
    let rows: [[Range<Int>]]?

    /// The place of the next token of each.
    var positions: [Int] { numbers.map { cache.lengths[$0] } }

    /// Appends keys and values of one layer.
    ///
    /// - Parameter new: shape [T, 2·K·D], the rows of the pass.
    /// - Returns: for each sequence all that it has seen, the new rows included.
    @discardableResult
    func append(_ new: Matrix, layer: Int) -> [Matrix] {
        let seen = numbers.enumerated().map { place, number in
            cache.sequence(number, layer: layer).rows(
                0..<cache.lengths[number] + rowCount(of: place))
        }
        guard let rows else {
            Threads.forEachRange(of: seen.count) { range in
                for place in range {
                    let last = seen[place].rows - 1
                    seen[place].rows(last..<last + 1).copy(from: new.rows(place..<place + 1))
                }
            }
            return seen
        }
        Threads.forEach(seen.count) { place, _ in
            var end = seen[place].rows
            for range in rows[place].reversed() {
                seen[place].rows(end - range.count..<end).copy(from: new.rows(range))
                end -= range.count
            }
        }
        return seen
    }

    /// Notes that the rows of a pass are in all layers.
    func advance() {
        for (place, number) in numbers.enumerated() {
            cache.lengths[number] += rowCount(of: place)
        }
    }

    private func rowCount(of place: Int) -> Int {
        rows?[place].reduce(0) { $0 + $1.count } ?? 1
    }
}
