public import VaccineNumerics
public import VaccineTransformer

/// A causal language model with an adapter to train. One model serves one thread at a time.
///
/// It is described by named values; `Sources/README.md` says where each block reads its own.
public final class LanguageModel {
    let decoder: Decoder

    /// A model with random weights: N(0, 0.02²) for matrices, 1 for norms, 0 for biases.
    ///
    /// - Throws: `VaccineError.value` or `.type` that lists every fault of the description, `.memory` before
    ///   allocating.
    public init(_ description: ModelDescription, seed: UInt64 = 0) throws(VaccineError) {
        decoder = try Decoder(ModelConfiguration(description))
        try decoder.initialise(seed: seed, interruption: .none)
    }

    /// The weights' names and shapes, in the order of the computation; a vector has one row.
    public var weights: [(name: String, rows: Int, columns: Int)] {
        decoder.tensors(.weight).map {
            let (rows, columns) = $0.fileRowsAndColumns
            return ($0.name, rows, columns)
        }
    }

    /// Overwrites a weight, row by row.
    ///
    /// - Throws: `VaccineError.value` for an unknown name, another number of values, NaN or infinity.
    public func write(_ values: [Float], to name: String) throws(VaccineError) {
        let tensor = try decoder.tensor(.weight, named: name)
        let (rows, columns) = tensor.fileRowsAndColumns
        guard values.count == rows * columns else {
            throw .value(
                "\(name): there must be \(counted(rows * columns, "value")), got \(values.count)")
        }
        let memory = try Rows(rows, columns)
        memory.matrix.copy(from: values.span)
        try decoder.write(.weight, named: name, memory.matrix, shape: tensor.shape)
    }

    /// Adds low-rank factors that change nothing yet, to be trained.
    ///
    /// - Parameters:
    ///   - alpha: what they add is multiplied by alpha / rank.
    ///   - dropout: share of their inputs that a training step leaves out, in [0, 0.5].
    ///   - targets: linear maps by the last component of their names; nil: all of every layer.
    /// - Throws: `VaccineError.state` if there is an adapter, `.value` for a setting out of range.
    public func addAdapter(
        rank: Int, alpha: Double, dropout: Double = 0, targets: [String]? = nil, seed: UInt64 = 0
    ) throws(VaccineError) {
        try decoder.addAdapter(
            AdapterConfiguration(
                rank: rank, alpha: alpha, dropout: dropout,
                targets: targets ?? decoder.configuration.adapterTargets),
            seed: seed)
    }

    /// Mean cross-entropy over the supervised tokens, dropout off.
    public func loss(of examples: [Example]) throws(VaccineError) -> Double {
        let batch = try PackedBatch(examples, for: decoder)
        guard !batch.supervisedRows.isEmpty else {
            throw .value("labels: no token of the batch is supervised")
        }
        return try decoder.loss(batch, interruption: .none)
    }

    /// Scores of the token after each of a sequence, [T][V], dropout off.
    public func logits(_ tokens: [Int32]) throws(VaccineError) -> [[Float]] {
        let memory = try Rows(tokens.count, decoder.configuration.vocabularySize)
        try decoder.logits(tokens, interruption: .none, into: memory.matrix)
        return (0..<tokens.count).map { row in
            let values = memory.matrix[row]
            return values.indices.map { values[$0] }
        }
    }

    /// The likeliest continuation of a prompt.
    public func generate(after prompt: [Int32], tokens: Int) throws(VaccineError) -> [Int32] {
        let batch = try PackedBatch([Example(tokens: prompt)], for: decoder)
        return try decoder.generate(
            batch, limits: [tokens], sampling: Sampling(), endTokens: [], interruption: .none)[0]
    }
}

/// A matrix with memory of its own.
private struct Rows {
    let matrix: Matrix
    private let arena: Arena

    init(_ rows: Int, _ columns: Int) throws(VaccineError) {
        let plan = Arena()
        _ = plan.matrix(rows: rows, columns: columns)
        arena = try Arena(byteCount: plan.byteCount, purpose: "a matrix")
        matrix = arena.matrix(rows: rows, columns: columns)
    }
}
