internal import VaccineNumerics

/// Keys and values of one layer, for each sequence of a pass and each key/value head; what is appended counts as seen
/// when the pass is over.
struct CachedLayer: Sendable {
    /// What the cache keeps of the layer, [B · K · 2 · capacity, D].
    let memory: Weight
    let heads: Int
    let capacity: Int
    /// Of each sequence: its place, and how much it has seen before the pass.
    let places: [Int]
    let lengths: [Int]
    /// For each the rows of the pass that are its next; nil: one row each, in their order.
    let rows: [[Range<Int>]]?

    var sequenceCount: Int { places.count }

    /// The first `length` keys and values of a head, shape [length, D] each.
    private func stream(
        _ sequence: Int, head: Int, length: Int
    ) -> (keys: Weight, values: Weight) {
        let keys = (places[sequence] * heads + head) * 2 * capacity
        let values = keys + capacity
        return (memory.rows(keys..<keys + length), memory.rows(values..<values + length))
    }

    /// Appends the rows of the pass to what a head has of a sequence.
    ///
    /// - Parameter keys, values: of that head, shape [T, D] each, of all rows of the pass.
    /// - Returns: all that the sequence has seen, the new rows included.
    @discardableResult
    func append(
        _ keys: Matrix, _ values: Matrix, to sequence: Int, head: Int
    ) -> (keys: Weight, values: Weight) {
        guard let rows else {
            return append(keys, values, sequence..<sequence + 1, to: sequence, head: head, at: 0)
        }
        var (seen, before) = (stream(sequence, head: head, length: lengths[sequence]), 0)
        for range in rows[sequence] {
            seen = append(keys, values, range, to: sequence, head: head, at: before)
            before += range.count
        }
        return seen
    }

    /// As `append`, rows of one range, which come after `before` others.
    private func append(
        _ keys: Matrix, _ values: Matrix, _ range: Range<Int>, to sequence: Int, head: Int,
        at before: Int
    ) -> (keys: Weight, values: Weight) {
        let start = lengths[sequence] + before
        let (end, seen) = (
            start + range.count,
            stream(sequence, head: head, length: start + range.count)
        )
        seen.keys.rows(start..<end).write(keys.rows(range))
        seen.values.rows(start..<end).write(values.rows(range))
        return seen
    }

    /// The keys before the pass that a head has of a sequence, and the place of the next; nil: there is no such
    /// sequence.
    func keys(of sequence: Int, head: Int) -> Weight? {
        guard sequence < places.count else { return nil }
        return stream(sequence, head: head, length: lengths[sequence] + 1).keys
    }
}
