/// A batch in which what several sequences have in common, from their first token on, is there once.
///
/// ```
/// a b c d e        a b c ┬ d e
/// a b c f      →         └ f
/// g h              g h
/// ```
/// A row depends on the tokens before it and on its position alone, so it is the same in all sequences that begin alike.
/// The order of sums is that of the sequences by themselves, and so are the bits. Without gradients: what goes backward
/// through a shared row would be the sum over its sequences.
struct SharedPrefixes {
    /// The branches of the tree as sequences, each behind those that it goes on from.
    private(set) var batch: PackedBatch
    /// The row of every token of the batch that was given.
    private(set) var rows: [Int]
    private let offsets: [Int]

    /// A branch has this many tokens, unless it is the end of a sequence: a shorter one saves less than it costs.
    static let shortest = 8

    /// - Parameter kind: of a sequence's length; those of different kinds share nothing.
    init(_ given: PackedBatch, kind: (_ length: Int) -> Int) {
        batch = given
        rows = Array(given.inputIDs.indices)
        offsets = given.offsets
        let sorted = SortedSequences(given, kind: kind)
        guard sorted.common.contains(where: { $0 >= SharedPrefixes.shortest }) else { return }
        batch = PackedBatch()
        var waiting = [Branch(sequences: 0..<given.sequenceCount, depth: 0, before: [])]
        while let branch = waiting.popLast() {
            for group in sorted.groups(of: branch.sequences, from: branch.depth) {
                let end = sorted.commonLength(of: group)
                guard end > branch.depth else { continue }
                let first = given.offsets[sorted.order[group.lowerBound]]
                let own = batch.append(
                    given.inputIDs[first + branch.depth..<first + end], after: branch.before,
                    length: group.reduce(0) { max($0, given.givenLengths[sorted.order[$1]]) })
                for sequence in sorted.order[group] {
                    for place in branch.depth..<end {
                        rows[given.offsets[sequence] + place] =
                            own.lowerBound + place - branch.depth
                    }
                }
                if group.count > 1 {
                    waiting.append(
                        Branch(sequences: group, depth: end, before: branch.before + [own]))
                }
            }
        }
    }

    /// The rows of a sequence of the batch that was given, in ranges as long as they are.
    func rows(ofSequence sequence: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for row in rows[offsets[sequence]..<offsets[sequence + 1]] {
            if let last = ranges.last, last.upperBound == row {
                ranges[ranges.count - 1] = last.lowerBound..<row + 1
            } else {
                ranges.append(row..<row + 1)
            }
        }
        return ranges
    }

    /// Sorted sequences that are alike in their first `depth` tokens, which are in the rows `before`.
    private struct Branch {
        let sequences: Range<Int>
        let depth: Int
        let before: [Range<Int>]
    }
}

/// The sequences of a batch in the order of their tokens.
private struct SortedSequences {
    let order: [Int]
    /// For each, how many tokens it has in common with the one before; -1 where they share nothing whatever their
    /// tokens, and for the first.
    private(set) var common: [Int]
    private let lengths: [Int]

    init(_ batch: PackedBatch, kind: (Int) -> Int) {
        let sequences = zip(batch.offsets, batch.offsets.dropFirst()).map {
            batch.inputIDs[$0..<$1]
        }
        let kinds = batch.givenLengths.map(kind)
        lengths = sequences.map(\.count)
        func common(_ one: Int, _ other: Int) -> Int {
            guard kinds[one] == kinds[other] else { return -1 }
            let (one, other) = (sequences[one], sequences[other])
            let limit = min(one.count, other.count)
            var count = 0
            while count < limit, one[one.startIndex + count] == other[other.startIndex + count] {
                count += 1
            }
            return count
        }
        order = sequences.indices.sorted { one, other in
            guard kinds[one] == kinds[other] else { return kinds[one] < kinds[other] }
            let place = common(one, other)
            let (left, right) = (sequences[one].dropFirst(place), sequences[other].dropFirst(place))
            guard let a = left.first, let b = right.first else {
                return (left.count, one) < (right.count, other)
            }
            return a < b
        }
        self.common = [-1] + zip(order, order.dropFirst()).map(common)
    }

    /// Neighbours among `sequences` that are alike for a branch more than `depth` tokens.
    func groups(of sequences: Range<Int>, from depth: Int) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = sequences.lowerBound
        for last in sequences
        where last + 1 == sequences.upperBound
            || common[last + 1] < depth + SharedPrefixes.shortest
        {
            groups.append(start..<last + 1)
            start = last + 1
        }
        return groups
    }

    /// How many tokens all of them have in common.
    func commonLength(of group: Range<Int>) -> Int {
        common[group].dropFirst().min() ?? lengths[order[group.lowerBound]]
    }
}
