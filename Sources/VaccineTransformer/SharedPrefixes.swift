/// A batch in which what several sequences have in common, from their first token on, is there once.
///
/// ```
/// a b c d e        a b c ┬ d e
/// a b c f      →         └ f
/// g h              g h
/// ```
/// A row depends on the tokens before it and on its position alone, so it is the same in all sequences that begin alike.
/// The order of sums is that of the sequences by themselves, and so are the bits. What goes backward through a shared row
/// is the sum over its sequences.
struct SharedPrefixes {
    /// The branches of the tree as sequences, each behind those that it goes on from: the ends of the sequences that were
    /// given in their order, what some have in common before the first of them.
    private(set) var batch: PackedBatch
    /// The row of every token of the batch that was given.
    private(set) var rows: [Int]
    private let offsets: [Int]

    /// A branch has this many tokens, unless it is the end of a sequence: a shorter one saves less than it costs.
    static let shortest = 8

    /// More rows than this the branches of a tree do not go on from, all taken together: the ends of sequences from less
    /// than they have tokens, and for each branch between there is an end that goes on from more.
    static func mostPrefixRows(ofTokens count: Int) -> Int { 2 * count }

    /// - Parameters:
    ///   - supervised: whether sequences may have supervised rows in common. Where not, `batch` has those that were given,
    ///     in their order; where they may, it has none.
    ///   - kind: of a sequence's length; those of different kinds share nothing.
    init(_ given: PackedBatch, supervised: Bool = true, kind: (_ length: Int) -> Int) {
        batch = given
        rows = Array(given.inputIDs.indices)
        offsets = given.offsets
        let sorted = SortedSequences(given, supervised: supervised, kind: kind)
        guard sorted.common.contains(where: { $0 >= SharedPrefixes.shortest }) else { return }
        batch = PackedBatch()
        var ends: [[Range<Int>]] = []
        for branch in sorted.branches() {
            let before = branch.parent.map { ends[$0] } ?? []
            let first = given.offsets[branch.sequences[0]]
            let own = batch.append(
                first + branch.tokens.lowerBound..<first + branch.tokens.upperBound, of: given,
                after: before,
                length: branch.sequences.reduce(0) { max($0, given.givenLengths[$1]) })
            ends.append(before + [own])
            for sequence in branch.sequences {
                for (row, place) in zip(own, branch.tokens) {
                    rows[given.offsets[sequence] + place] = row
                }
            }
        }
        if !supervised { batch.supervise(as: given, at: rows) }
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
}

/// Tokens that sequences have in common, or one has for itself, behind those of its parent.
private struct Branch {
    /// Rising.
    let sequences: [Int]
    /// Their places in each of the sequences.
    let tokens: Range<Int>
    var parent: Int?
}

/// The sequences of a batch in the order of their tokens.
private struct SortedSequences {
    let order: [Int]
    /// For each, how many tokens it has in common with the one before; -1 where they share nothing whatever their
    /// tokens, and for the first.
    private(set) var common: [Int]
    private let lengths: [Int]

    init(_ batch: PackedBatch, supervised: Bool, kind: (Int) -> Int) {
        lengths = zip(batch.offsets, batch.offsets.dropFirst()).map { $1 - $0 }
        let sequences = batch.shareable(supervised: supervised).map { batch.inputIDs[$0] }
        let kinds = batch.givenLengths.map(kind)
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

    /// The branches of the tree, each behind its parent: by their first sequence, and from its beginning on.
    func branches() -> [Branch] {
        var found: [Branch] = []
        var waiting = [(sequences: order.indices, depth: 0, parent: Int?.none)]
        while let (sequences, depth, parent) = waiting.popLast() {
            for group in groups(of: sequences, from: depth) {
                let end = commonLength(of: group)
                guard end > depth else { continue }
                if group.count > 1 { waiting.append((group, end, found.count)) }
                found.append(
                    Branch(
                        sequences: order[group].sorted(), tokens: depth..<end, parent: parent))
            }
        }
        let sorted = found.indices.sorted {
            let (one, other) = (found[$0], found[$1])
            return (one.sequences[0], one.tokens.lowerBound)
                < (other.sequences[0], other.tokens.lowerBound)
        }
        var place = Array(found.indices)
        for (index, branch) in sorted.enumerated() { place[branch] = index }
        return sorted.map {
            var branch = found[$0]
            branch.parent = branch.parent.map { place[$0] }
            return branch
        }
    }

    /// Neighbours among `sequences` that are alike for a branch more than `depth` tokens.
    private func groups(of sequences: Range<Int>, from depth: Int) -> [Range<Int>] {
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
    private func commonLength(of group: Range<Int>) -> Int {
        common[group].dropFirst().min() ?? lengths[order[group.lowerBound]]
    }
}

extension PackedBatch {
    /// The tokens of each sequence that others may have in common with it.
    ///
    /// - Parameter supervised: whether supervised rows are among them.
    fileprivate func shareable(supervised: Bool) -> [Range<Int>] {
        var next = 0
        return zip(offsets, offsets.dropFirst()).map { start, end in
            while next < supervisedRows.count, supervisedRows[next] < start { next += 1 }
            guard !supervised, next < supervisedRows.count else { return start..<end }
            return start..<min(end, supervisedRows[next])
        }
    }
}
