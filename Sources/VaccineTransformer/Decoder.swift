package import VaccineNumerics

/// A causal language model of the Llama family with its weights, an optional adapter and scratch memory.
///
/// ```
/// x = embedding[ids];  x = layer_l(x) for l = 1 … L;  logits = norm(x) · headᵀ
/// ```
/// Weights are frozen; only the adapter's factors have gradients. One decoder serves one thread at a
/// time.
package final class Decoder {
    package let configuration: ModelConfiguration
    package internal(set) var layers: [DecoderLayer]
    package internal(set) var adapter: AdapterMemory?
    let embedding: Weight  // [V, C]
    let finalNorm: Matrix  // [1, C]
    let head: Weight  // [V, C], the embedding if they are tied
    let attention: Attention
    let rotary: RotaryEmbedding
    /// Scratch with every layer's activations, and scratch with one layer's. They are apart so that
    /// an evaluation on long texts neither claims a training step's memory nor disturbs its results.
    var training: Workspace?
    var inference: Workspace?
    /// Names of the tensors that were written.
    var written: Set<String> = []
    private let arena: Arena

    /// Reserves zeroed weights.
    ///
    /// - Throws: `VaccineError.value` for a faulty configuration, `.memory` before allocating.
    package init(_ configuration: ModelConfiguration) throws(VaccineError) {
        try configuration.validate()
        self.configuration = configuration
        let plan = Arena()
        _ = Decoder.layOut(configuration, in: plan)
        arena = try Arena(byteCount: plan.byteCount, purpose: "the model")
        (embedding, layers, finalNorm, head, rotary) = Decoder.layOut(configuration, in: arena)
        attention = Attention(configuration)
        rotary.fill()
    }

    private static func layOut(
        _ configuration: ModelConfiguration, in arena: Arena
    ) -> (Weight, [DecoderLayer], Matrix, Weight, RotaryEmbedding) {
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        let precision = configuration.precision
        let embedding = arena.weight(rows: vocabulary, columns: hidden, precision)
        let layers = (0..<configuration.layerCount).map {
            DecoderLayer(configuration, index: $0, in: arena)
        }
        let finalNorm = arena.matrix(rows: 1, columns: hidden)
        let head =
            configuration.tiedEmbeddings
            ? embedding : arena.weight(rows: vocabulary, columns: hidden, precision)
        let rotary = RotaryEmbedding(
            configuration, positions: configuration.contextLength, in: arena)
        return (embedding, layers, finalNorm, head, rotary)
    }

    /// Makes sure that a batch of this size finds its scratch memory, so that later calls of no larger
    /// size allocate none.
    ///
    /// - Throws: `VaccineError.memory` before allocating.
    package func reserve(
        tokens: Int, sequences: Int, longest: Int, training: Bool
    ) throws(VaccineError) {
        let wanted = BatchCapacity(
            tokens: tokens, sequences: sequences, longest: longest, training: training)
        let present = training ? self.training : inference
        if let present, present.threads >= Threads.count, present.capacity.covers(wanted) { return }
        let capacity = present?.capacity.union(wanted) ?? wanted
        if training { self.training = nil } else { inference = nil }
        let planned = try Workspace.planned(configuration, capacity, rank: adapter?.rank ?? 0)
        if training { self.training = planned } else { inference = planned }
    }

    /// After a change of the adapter, whose rank is part of the plan.
    func discardWorkspaces() {
        training = nil
        inference = nil
    }

    /// The pass of one batch, with scratch memory at hand.
    ///
    /// - Parameter finalRows: as in `Pass`.
    func pass(
        _ batch: PackedBatch, finalRows: [Int]? = nil, masks: RandomStream? = nil, training: Bool,
        interruption: Interruption
    ) throws(VaccineError) -> Pass {
        try reserve(
            tokens: batch.tokenCount, sequences: batch.sequenceCount, longest: batch.longest,
            training: training)
        guard let workspace = training ? self.training : inference else {
            preconditionFailure("reserve leaves a workspace")
        }
        return Pass(
            configuration: configuration, attention: attention, rotary: rotary, batch: batch,
            finalRows: finalRows, workspace: workspace, masks: masks, interruption: interruption)
    }

    /// Embeds the batch and runs all layers.
    ///
    /// - Parameters:
    ///   - perturb: called with each layer's index and attention output [T, C], the last layer's with the
    ///     pass's final rows only; may change it.
    ///   - observe: called with each layer's index and states of the same rows, once for every kind.
    /// - Returns: the residual stream leaving the last layer, one row for each of the final rows.
    func forward(
        _ pass: Pass, perturb: (Int, Matrix) -> Void = { _, _ in },
        observe: (HiddenState, Int, Matrix) -> Void = { _, _, _ in }
    ) throws(VaccineError) -> Matrix {
        embed(pass.batch.inputIDs, into: pass.workspace.layer(0).input.rows(0..<pass.tokens))
        for (index, layer) in layers.enumerated() {
            try pass.interruption.check()
            let rows = 0..<pass.rowCount(of: index)
            let next =
                index + 1 < layers.count
                ? pass.workspace.layer(index + 1).input : pass.scratch.final
            try layer.forward(
                pass, pass.workspace.layer(index), chosen: pass.rows(of: index),
                perturb: { output in
                    perturb(index, output)
                    observe(.attention, index, output)
                },
                observe: { observe(.feedForward, index, $0) }, into: next.rows(rows))
            observe(.residual, index, next.rows(rows))
        }
        return pass.scratch.final.rows(0..<pass.rowCount(of: layers.count - 1))
    }

    func embed(_ ids: [Int32], into x: Matrix) {
        for (row, id) in ids.enumerated() {
            embedding.rows(Int(id)..<Int(id) + 1).read(into: x.rows(row..<row + 1))
        }
    }
}
