package import VaccineNumerics

/// The sequences of a batch laid end to end; no padding.
package struct PackedBatch: Sendable, Equatable {
    /// T token ids.
    package private(set) var inputIDs: [Int32] = []
    /// The index of each of them among the `givenCount` that were given.
    package private(set) var givenIndices: [Int] = []
    package private(set) var givenCount = 0
    /// B + 1 borders: 0 first, T last.
    package private(set) var offsets: [Int] = []
    /// The tokens that each sequence had when it was given, [B].
    package private(set) var givenLengths: [Int] = []
    /// Rows whose next token is supervised: the rows that reach the loss.
    package private(set) var supervisedRows: [Int] = []
    /// The token that each supervised row has to predict.
    package private(set) var targets: [Int32] = []
    /// For each sequence the rows of what comes before its first token, where it goes on from others; empty: each
    /// begins by itself.
    private(set) var prefixes: [[Range<Int>]] = []
    /// Rows, and supervised rows, of the sequences that were given before these.
    package private(set) var firstRow = 0
    package private(set) var firstSupervisedRow = 0

    package var tokenCount: Int { inputIDs.count }
    package var sequenceCount: Int { offsets.count - 1 }
    /// Tokens of the longest sequence with what comes before it.
    package var longest: Int {
        (0..<sequenceCount).reduce(0) {
            max($0, start(of: $1) + offsets[$1 + 1] - offsets[$1])
        }
    }

    /// The rows that sequences go on from, those of all taken together.
    var prefixRows: Int { prefixes.joined().reduce(0) { $0 + $1.count } }

    /// The position of a sequence's first row.
    func start(of sequence: Int) -> Int {
        prefixes.isEmpty ? 0 : prefixes[sequence].reduce(0) { $0 + $1.count }
    }

    /// Where its rows stand.
    var positions: Positions {
        .sequences(
            offsets: offsets, lengths: givenLengths,
            starts: prefixes.isEmpty ? nil : (0..<sequenceCount).map(start))
    }

    /// The label of a token without supervision.
    package static let ignored: Int32 = -100

    /// No sequences, to be refilled.
    package init() {}

    /// - Parameters:
    ///   - inputIDs: T token ids, each in 0..<vocabularySize.
    ///   - labels: T labels aligned with the ids: row t - 1 predicts labels[t]; -100: no supervision.
    ///     nil: none at all.
    ///   - offsets: B + 1 borders, strictly rising from 0 to T.
    /// - Throws: `VaccineError.value` that names the argument and the position.
    package init(
        inputIDs: [Int32], labels: [Int32]?, offsets: [Int], configuration: ModelConfiguration
    ) throws(VaccineError) {
        try refill(
            inputIDs: inputIDs, labels: labels, offsets: offsets, configuration: configuration)
    }

    /// As `init`, in the memory that the batch has. After an error it holds no sequences.
    ///
    /// - Parameters:
    ///   - trimming: leaves out every token that reaches no supervised row: those after the last such row of their
    ///     sequence, and sequences without any.
    ///   - sequences: those that are taken out of the ones that are given; nil: all. `givenIndices` and
    ///     `givenCount` tell of all.
    package mutating func refill(
        inputIDs: [Int32], labels: [Int32]?, offsets: [Int], configuration: ModelConfiguration,
        trimming: Bool = false, sequences: Range<Int>? = nil
    ) throws(VaccineError) {
        self.inputIDs.removeAll(keepingCapacity: true)
        givenIndices.removeAll(keepingCapacity: true)
        self.offsets.removeAll(keepingCapacity: true)
        prefixes.removeAll(keepingCapacity: true)
        givenLengths.removeAll(keepingCapacity: true)
        supervisedRows.removeAll(keepingCapacity: true)
        targets.removeAll(keepingCapacity: true)
        (firstRow, firstSupervisedRow) = (0, 0)
        guard !inputIDs.isEmpty else { throw .value("input_ids must hold at least one token") }
        guard offsets.count >= 2, offsets.first == 0, offsets.last == inputIDs.count else {
            throw .value(
                "offsets must start at 0 and end at the number of tokens (\(inputIDs.count)), got "
                    + "\(counted(offsets.count, "entry")) from \(offsets.first ?? -1) "
                    + "to \(offsets.last ?? -1)"
            )
        }
        for (sequence, (start, end)) in zip(offsets, offsets.dropFirst()).enumerated() {
            guard start < end else {
                throw .value(
                    "offsets must rise: sequence \(sequence) reaches from \(start) to \(end)")
            }
            guard end - start <= configuration.contextLength else {
                throw .value(
                    "input_ids: sequence \(sequence) has \(counted(end - start, "token")), more than "
                        + "the context of \(configuration.contextLength)")
            }
        }
        try PackedBatch.check(inputIDs, "input_ids", configuration, ignored: false)
        if let labels {
            guard labels.count == inputIDs.count else {
                throw .value(
                    "labels must have as many entries as input_ids (\(inputIDs.count)), got "
                        + "\(labels.count)")
            }
            try PackedBatch.check(labels, "labels", configuration, ignored: true)
        }
        let taken = sequences ?? 0..<offsets.count - 1
        guard !taken.isEmpty, taken.lowerBound >= 0, taken.upperBound < offsets.count else {
            throw .value(
                "sequences must be some of \(0..<offsets.count - 1), got \(taken)")
        }
        givenCount = inputIDs.count
        self.offsets.append(0)
        for (sequence, (start, end)) in zip(offsets, offsets.dropFirst()).enumerated() {
            guard sequence < taken.upperBound else { break }
            let isBefore = sequence < taken.lowerBound
            var kept = trimming ? start..<start : start..<end
            if let labels {
                let shift = givenIndices.count - start
                for row in start..<(end - 1) where labels[row + 1] != PackedBatch.ignored {
                    if isBefore {
                        firstSupervisedRow += 1
                    } else {
                        supervisedRows.append(row + shift)
                        targets.append(labels[row + 1])
                    }
                    if trimming { kept = start..<row + 1 }
                }
            }
            guard !kept.isEmpty else { continue }
            if isBefore {
                firstRow += kept.count
                continue
            }
            self.inputIDs.append(contentsOf: inputIDs[kept])
            givenIndices.append(contentsOf: kept)
            self.offsets.append(givenIndices.count)
            givenLengths.append(end - start)
        }
    }

    /// Adds a part of a sequence of another batch, which goes on from the rows `before`.
    ///
    /// - Parameters:
    ///   - tokens: their places in that batch.
    ///   - length: of the longest sequence that it is a part of.
    /// - Returns: its rows.
    mutating func append(
        _ tokens: Range<Int>, of given: PackedBatch, after before: [Range<Int>], length: Int
    ) -> Range<Int> {
        if offsets.isEmpty { offsets.append(0) }
        let rows = tokenCount..<tokenCount + tokens.count
        inputIDs.append(contentsOf: given.inputIDs[tokens])
        givenIndices.append(contentsOf: given.givenIndices[tokens])
        givenCount = given.givenCount
        offsets.append(rows.upperBound)
        prefixes.append(before)
        givenLengths.append(length)
        return rows
    }

    /// Supervises the rows where the supervised rows of another batch are.
    ///
    /// - Parameter places: the row of each of its tokens; those of supervised ones rise.
    mutating func supervise(as given: PackedBatch, at places: [Int]) {
        supervisedRows = given.supervisedRows.map { places[$0] }
        targets = given.targets
    }

    /// The sequences of `range` as a batch without labels.
    func sequences(_ range: Range<Int>) -> PackedBatch {
        let start = offsets[range.lowerBound]
        return PackedBatch(
            inputIDs: Array(inputIDs[start..<offsets[range.upperBound]]),
            offsets: offsets[range.lowerBound...range.upperBound].map { $0 - start })
    }

    /// Ranges of neighbouring sequences, each of up to `limit` tokens or of one longer sequence.
    ///
    /// - Parameter sequences: those that are parted; nil: all.
    func parts(_ sequences: Range<Int>? = nil, ofTokens limit: Int) -> [Range<Int>] {
        let all = sequences ?? 0..<sequenceCount
        var parts: [Range<Int>] = []
        var start = all.lowerBound
        for last in all
        where last + 1 == all.upperBound || offsets[last + 2] - offsets[start] > limit {
            parts.append(start..<last + 1)
            start = last + 1
        }
        return parts
    }

    /// One sequence without labels.
    init(whole tokens: [Int32]) { self.init(inputIDs: tokens, offsets: [0, tokens.count]) }

    /// One token of each of several sequences.
    init(next tokens: [Int32]) {
        self.init(inputIDs: tokens, offsets: Array(0...tokens.count))
    }

    private init(inputIDs: [Int32], offsets: [Int]) {
        self.inputIDs = inputIDs
        self.offsets = offsets
        givenLengths = zip(offsets, offsets.dropFirst()).map { $1 - $0 }
        givenIndices = Array(inputIDs.indices)
        givenCount = inputIDs.count
    }

    private static func check(
        _ ids: [Int32], _ name: String, _ configuration: ModelConfiguration, ignored: Bool
    ) throws(VaccineError) {
        let vocabulary = Int32(configuration.vocabularySize)
        for (position, id) in ids.enumerated()
        where !(0..<vocabulary).contains(id) && !(ignored && id == PackedBatch.ignored) {
            throw .value(
                "\(name): \(id) at position \(position) is outside the vocabulary 0..<\(vocabulary)"
                    + (ignored ? " and is not -100" : ""))
        }
    }
}
