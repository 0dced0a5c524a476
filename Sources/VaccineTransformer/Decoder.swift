package import VaccineNumerics

/// A causal language model with its weights, an optional adapter and scratch memory.
///
/// ```
/// x = embedding[ids] (+ positions);  x = layer_l(x) for l = 1 … L;  logits = head(x)
/// ```
/// Weights are frozen; only the adapter's factors have gradients. One decoder serves one thread at a
/// time.
package final class Decoder {
    package let configuration: ModelConfiguration
    package internal(set) var layers: [DecoderLayer]
    package internal(set) var adapter: AdapterMemory?
    /// Earlier adapters that stay as they are, from the first to the last.
    package internal(set) var frozenAdapters: [FrozenAdapter] = []
    let embedding: Embedding
    let positions: any PositionEncoding
    let head: LanguageHead
    /// The frozen weights by name.
    let weights: TensorTable
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
    package init(
        _ configuration: ModelConfiguration, interruption: Interruption = .none
    ) throws(VaccineError) {
        try configuration.validate()
        self.configuration = configuration
        let plan = Arena()
        _ = DecoderLayout(configuration, in: plan)
        arena = try Arena(byteCount: plan.byteCount, purpose: "the model")
        let layout = DecoderLayout(configuration, in: arena)
        embedding = layout.embedding
        positions = layout.positions
        layers = layout.layers
        head = layout.head
        weights = weightTable(
            configuration.names, embedding: embedding, positions: positions, layers: layers,
            head: head, tied: configuration.tiedEmbeddings)
        try positions.fill(interruption)
    }

    /// Makes sure that a batch of this size finds its scratch memory, so that later calls of no larger
    /// size allocate none.
    ///
    /// - Throws: `VaccineError.memory` before allocating.
    package func reserve(
        tokens: Int, sequences: Int, longest: Int, training: Bool
    ) throws(VaccineError) {
        try reserve(
            BatchCapacity(
                tokens: tokens, sequences: sequences, longest: longest,
                prefixRows: training ? SharedPrefixes.mostPrefixRows(ofTokens: tokens) : 0,
                training: training))
    }

    private func reserve(_ wanted: BatchCapacity) throws(VaccineError) {
        let training = wanted.training
        let present = training ? self.training : inference
        if let present, present.threads >= Threads.count, present.capacity.covers(wanted) { return }
        let capacity = present?.capacity.union(wanted) ?? wanted
        if training { self.training = nil } else { inference = nil }
        let planned = try Workspace.planned(configuration, capacity, rank: largestRank)
        if training { self.training = planned } else { inference = planned }
    }

    private var largestRank: Int {
        frozenAdapters.map(\.rank).reduce(adapter?.rank ?? 0, max)
    }

    /// After a change of the adapters, whose rank is part of the plan.
    func discardWorkspaces() {
        training = nil
        inference = nil
    }

    /// The pass of one batch, with scratch memory at hand.
    ///
    /// - Parameters: `finalRows`, `cached`: as in `Pass`.
    func pass(
        _ batch: PackedBatch, positions: Positions? = nil, finalRows: [Int]? = nil,
        cached: CachedSequences? = nil, masks: RandomStream? = nil, training: Bool,
        interruption: Interruption
    ) throws(VaccineError) -> Pass {
        try reserve(
            BatchCapacity(
                tokens: batch.tokenCount, sequences: batch.sequenceCount, longest: batch.longest,
                prefixRows: training ? batch.prefixRows : 0, training: training))
        guard let workspace = training ? self.training : inference else {
            preconditionFailure("reserve leaves a workspace")
        }
        return Pass(
            batch: batch,
            positions: positions ?? batch.positions,
            layerCount: layers.count, finalRows: finalRows, workspace: workspace, cached: cached,
            masks: masks.map { DropoutMasks(stream: $0, firstRow: batch.firstRow) },
            interruption: interruption)
    }

    /// A batch with what its sequences have in common once, for passes without gradients.
    func sharing(_ batch: PackedBatch) -> SharedPrefixes {
        SharedPrefixes(batch, kind: positions.kind)
    }

    /// A batch with what its sequences have in common before their first supervised row once, for passes with gradients
    /// that change no state. Where there is dropout, each sequence has masks of its own: nothing is shared.
    package func sharingPrompts(_ batch: PackedBatch) -> PackedBatch {
        guard adapter?.configuration.dropout == 0 else { return batch }
        return SharedPrefixes(batch, supervised: false, kind: positions.kind).batch
    }

    /// Embeds the batch and runs all layers.
    ///
    /// - Returns: the residual stream leaving the last layer, one row for each of the final rows.
    func forward(
        _ pass: Pass, visit: Visitor = { _, _, _ in }
    ) throws(VaccineError) -> Matrix {
        try forward(pass, layers: layers.count, visit: visit)
        return pass.scratch.final.rows(0..<pass.rowCount(of: layers.count - 1))
    }

    /// Embeds the batch and runs the first layers.
    func forward(_ pass: Pass, layers count: Int, visit: Visitor) throws(VaccineError) {
        embed(pass, into: pass.workspace.layer(0).input.rows(0..<pass.tokens))
        for (index, layer) in layers.prefix(count).enumerated() {
            try pass.interruption.check()
            let next =
                index + 1 < layers.count
                ? pass.workspace.layer(index + 1).input : pass.scratch.final
            try layer.forward(
                pass, pass.workspace.layer(index), visit: visit,
                into: next.rows(0..<pass.rowCount(of: index)))
        }
    }

    private func embed(_ pass: Pass, into x: Matrix) {
        embedding.forward(pass.batch.inputIDs, narrow: pass.scratch.narrow, into: x)
        positions.add(to: x, at: pass.positions)
    }
}
