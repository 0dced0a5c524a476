internal import VaccineNumerics

/// The largest batch for which a workspace has room.
struct BatchCapacity: Equatable {
    var tokens: Int
    /// For messages: no memory depends on it.
    var sequences: Int
    var longest: Int
    /// Rows that sequences go on from, those of all taken together.
    var prefixRows: Int
    /// Whether activations are kept for a backward pass.
    var training: Bool

    func covers(_ other: BatchCapacity) -> Bool {
        tokens >= other.tokens && longest >= other.longest && prefixRows >= other.prefixRows
    }

    func union(_ other: BatchCapacity) -> BatchCapacity {
        BatchCapacity(
            tokens: max(tokens, other.tokens), sequences: max(sequences, other.sequences),
            longest: max(longest, other.longest),
            prefixRows: max(prefixRows, other.prefixRows), training: training)
    }
}

/// What one decoder layer keeps from its forward pass for its backward pass.
struct LayerActivations {
    let input: Matrix  // [T, C] the residual stream entering the layer
    let attentionNorm: ResidualNormActivations
    let attention: AttentionActivations
    let middle: Matrix  // [T, C] the residual stream after attention
    let feedForwardNorm: ResidualNormActivations
    let feedForward: FeedForwardActivations

    /// - Parameter sharedInner: as in `FeedForwardActivations`.
    init(
        _ configuration: ModelConfiguration, tokens: Int, rank: Int, sharedInner: Matrix?,
        in arena: Arena
    ) {
        let (hidden, statistics) = (configuration.hiddenSize, configuration.norm.statisticsWidth)
        input = arena.matrix(rows: tokens, columns: hidden)
        attentionNorm = ResidualNormActivations(configuration, tokens: tokens, in: arena)
        attention = AttentionActivations(
            configuration.attention, statisticsWidth: statistics, tokens: tokens, rank: rank,
            in: arena)
        middle = arena.matrix(rows: tokens, columns: hidden)
        feedForwardNorm = ResidualNormActivations(configuration, tokens: tokens, in: arena)
        feedForward = FeedForwardActivations(
            configuration.feedForward, tokens: tokens, rank: rank, sharedInner: sharedInner,
            in: arena)
    }
}

/// Memory shared by all layers.
struct Scratch {
    let normed: Matrix  // [T, C] the input of a projection
    let chosenInput: Matrix?  // [T, C] rows of a parallel layer's input
    let narrow: Matrix?  // [T, E] where the embedding is not C wide
    let activated: Matrix  // [T, F]
    let dropped: [Matrix]  // per worker, [band, max(C, F, H·D)] a dropped-out input
    let final: Matrix  // [T, C] the residual stream leaving the last layer
    let finalStatistics: Matrix  // [T, statistics of the norm]
    let attention: [Matrix]  // per worker, [64, longest]
    let joined: [JoinedRows]  // per worker
    let rounded: Weight?  // [T, (H + 2K)·D] unless products are float32
    let logits: Matrix  // [chunk, V]
    let capped: Matrix?  // [part of a chunk, V] where logits are capped and have gradients
    let losses: Matrix  // [T, 1] of the supervised rows, in their order
    let dUs: [Matrix]  // per part of a projection, [T, r]

    init(
        _ configuration: ModelConfiguration, _ capacity: BatchCapacity, rank: Int, logits: Matrix,
        in arena: Arena
    ) {
        self.logits = logits
        let tokens = capacity.tokens
        let hidden = configuration.hiddenSize
        let (attention, feedForward) = (configuration.attention, configuration.feedForward)
        normed = arena.matrix(rows: tokens, columns: hidden)
        chosenInput =
            configuration.residual == .parallel
            ? arena.matrix(rows: tokens, columns: hidden) : nil
        narrow =
            configuration.hasEmbeddingProjection
            ? arena.matrix(rows: tokens, columns: configuration.embeddingSize) : nil
        activated = arena.matrix(rows: tokens, columns: feedForward.width)
        dropped = (0..<Threads.count).map { _ in
            arena.matrix(
                rows: Threads.bandRows,
                columns: max(hidden, feedForward.width, attention.queryWidth))
        }
        final = arena.matrix(rows: tokens, columns: hidden)
        finalStatistics = arena.matrix(
            rows: tokens, columns: configuration.norm.statisticsWidth)
        self.attention = (0..<Threads.count).map { _ in
            arena.matrix(rows: Attention.queryBlock, columns: capacity.longest)
        }
        joined = (0..<Threads.count).map { _ in
            JoinedRows(
                longest: capacity.longest, headSize: attention.headSize, configuration.precision,
                gradients: capacity.training, in: arena)
        }
        rounded = arena.rounded(
            rows: tokens, columns: attention.queryKeyValueWidth, configuration.precision)
        capped =
            capacity.training && configuration.logitCap != nil
            ? arena.matrix(
                rows: min(LanguageHead.rowsCapped, tokens), columns: configuration.vocabularySize)
            : nil
        losses = arena.matrix(rows: tokens, columns: 1)
        dUs = (0..<Projection.maximumParts).map { _ in arena.matrix(rows: tokens, columns: rank) }
    }
}

extension Arena {
    /// Room for rounded activations; nil where they stay float32.
    fileprivate func rounded(rows: Int, columns: Int, _ precision: Precision) -> Weight? {
        precision == .bfloat16 ? weight(rows: rows, columns: columns, precision) : nil
    }
}

/// Gradients that flow backward, and gates, in memory that all layers share.
struct BackwardScratch {
    let dStream: Matrix  // [T, C] the gradient at the residual stream
    let dNormed: Matrix  // [T, C]
    let apart: Matrix?  // [T, C] from a parallel feed-forward block, at the input
    let dContext: Matrix  // [T, H·D]
    let dQKV: Matrix  // [T, (H + 2K)·D]
    let dPrefixes: Matrix  // [rows of all prefixes, 2K·D] of what sequences go on from
    let dActivated: Matrix  // [T, F]
    let attention: [Matrix]  // per worker, [64, longest]
    let rounded: Weight?  // [T, H·D] unless products are float32
    let inner: Matrix?  // [T, n·F] unless weights are float32: every layer's in its turn

    /// - Parameter dStream: written while there are logits, so not in `arena`'s next memory, which is theirs.
    init(
        _ configuration: ModelConfiguration, _ capacity: BatchCapacity, dStream: Matrix,
        in arena: Arena
    ) {
        self.dStream = dStream
        let tokens = capacity.tokens
        dNormed = arena.matrix(rows: tokens, columns: configuration.hiddenSize)
        apart =
            configuration.residual == .parallel
            ? arena.matrix(rows: tokens, columns: configuration.hiddenSize) : nil
        let (attention, feedForward) = (configuration.attention, configuration.feedForward)
        dContext = arena.matrix(rows: tokens, columns: attention.queryWidth)
        dQKV = arena.matrix(rows: tokens, columns: attention.queryKeyValueWidth)
        dPrefixes = arena.matrix(rows: capacity.prefixRows, columns: 2 * attention.keyValueWidth)
        dActivated = arena.matrix(rows: tokens, columns: feedForward.width)
        self.attention = (0..<Threads.count).map { _ in
            arena.matrix(rows: Attention.queryBlock, columns: capacity.longest)
        }
        rounded = arena.rounded(
            rows: tokens, columns: attention.queryWidth, configuration.precision)
        inner =
            configuration.precision == .float32
            ? nil : arena.matrix(rows: tokens, columns: feedForward.innerWidth)
    }
}

/// All scratch memory of a model for batches up to a capacity, in one arena.
struct Workspace {
    let capacity: BatchCapacity
    let threads: Int
    let layers: [LayerActivations]
    let scratch: Scratch
    let backward: BackwardScratch?
    private let arena: Arena

    /// - Throws: `VaccineError.memory` before allocating.
    static func planned(
        _ configuration: ModelConfiguration, _ capacity: BatchCapacity, rank: Int
    ) throws(VaccineError) -> Workspace {
        let plan = Arena()
        _ = Workspace(configuration, capacity, rank: rank, in: plan)
        let arena = try Arena(
            byteCount: plan.byteCount,
            purpose: "a batch of \(counted(capacity.tokens, "token")) in "
                + counted(capacity.sequences, "sequence"))
        return Workspace(configuration, capacity, rank: rank, in: arena)
    }

    private init(
        _ configuration: ModelConfiguration, _ capacity: BatchCapacity, rank: Int, in arena: Arena
    ) {
        self.capacity = capacity
        self.arena = arena
        threads = Threads.count
        let (tokens, isTraining) = (capacity.tokens, capacity.training)
        let dStream =
            isTraining ? arena.matrix(rows: tokens, columns: configuration.hiddenSize) : nil
        // Logits come and go between the forward and the backward pass.
        let (logits, backward) = arena.inTurn { arena in
            arena.matrix(
                rows: min(LanguageHead.rowsAtOnce, tokens), columns: configuration.vocabularySize)
        } and: { arena in
            dStream.map { BackwardScratch(configuration, capacity, dStream: $0, in: arena) }
        }
        self.backward = backward
        layers = (0..<(isTraining ? configuration.layerCount : 1)).map { _ in
            LayerActivations(
                configuration, tokens: tokens, rank: rank, sharedInner: backward?.inner,
                in: arena)
        }
        scratch = Scratch(configuration, capacity, rank: rank, logits: logits, in: arena)
    }

    /// The activations of layer `index`; without training all layers share one set.
    func layer(_ index: Int) -> LayerActivations { layers[min(index, layers.count - 1)] }
}
