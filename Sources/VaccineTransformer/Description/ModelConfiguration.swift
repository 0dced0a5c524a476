package import VaccineNumerics

/// A decoder, described by its blocks.
package struct ModelConfiguration: Sendable {
    package var vocabularySize: Int  // V
    package var hiddenSize: Int  // C
    package var layerCount: Int  // L
    package var contextLength: Int
    /// E, of the embedding and the vocabulary projection; where it differs from C, linear maps lie between.
    package var embeddingSize: Int
    /// Multiplies the embedding of every token.
    var embeddingScale: Float
    var norm: any NormSettings
    var placement: NormPlacement
    var residual: Residual
    /// Whether a norm stands before the vocabulary projection.
    var finalNorm: Bool
    var positions: any PositionSettings
    var attention: AttentionSettings
    var feedForward: FeedForwardSettings
    /// Whether the vocabulary projection is the embedding.
    var tiedEmbeddings: Bool
    /// Of the logits; nil: none.
    var logitCap: SoftCap?
    /// Of the linear maps and the embedding; norms, biases and the adapter are float32.
    package var precision: Precision
    var names: ModuleNames

    /// - Throws: `VaccineError.value` or `.type` that lists every missing, unknown and faulty key.
    package init(_ description: ModelDescription) throws(VaccineError) {
        var reader = DescriptionReader(description)
        vocabularySize = reader.integer("vocabulary_size")
        hiddenSize = reader.integer("hidden_size")
        layerCount = reader.integer("layer_count")
        contextLength = reader.integer("context_length")
        embeddingSize = reader.integer("embedding_size", otherwise: hiddenSize)
        embeddingScale = Float(reader.real("embedding_scale", otherwise: 1))
        norm = Kinds.norm(&reader)
        placement = NormPlacement(&reader)
        residual = Residual(&reader)
        finalNorm = reader.flag("final_norm", otherwise: true)
        positions = Kinds.positions(&reader)
        attention = AttentionSettings(&reader)
        feedForward = FeedForwardSettings(&reader)
        tiedEmbeddings = reader.flag("tied_embeddings")
        logitCap = SoftCap(&reader, "logit_cap")
        precision = reader.choice("precision", among: Kinds.precisions) ?? .float32
        names = ModuleNames()
        let own = modules.once + modules.inLayers
        names = reader.names(
            of: own, others: ModelConfiguration.sometimes.filter { !own.contains($0) })
        reader.refuseUnknownKeys()
        check(&reader.faults)
        try reader.faults.check()
    }

    /// Words for modules that not every model has.
    private static let sometimes =
        [
            "positions", "embedding_projection", "head_projection", "final_norm",
        ] + QueryKeyNormScope.modules + NormPlacement.outputModules

    var hasEmbeddingProjection: Bool { embeddingSize != hiddenSize }

    /// The model's own words for its modules.
    private var modules: (once: [String], inLayers: [String]) {
        var once = ["embedding"] + positions.modules
        if hasEmbeddingProjection { once += ["embedding_projection", "head_projection"] }
        if finalNorm { once.append("final_norm") }
        var inLayers = placement.modules
        if attention.queryKeyNorm != nil { inLayers += QueryKeyNormScope.modules }
        return (
            once + ["head"], inLayers + attention.modules + feedForward.modules
        )
    }

    /// The modules of every layer that can carry an adapter, as an adapter's settings call them.
    package var adapterTargets: [String] {
        (attention.modules + feedForward.modules).map(names.target)
    }

    /// - Throws: `VaccineError.value` that lists every fault.
    package func validate() throws(VaccineError) {
        var faults = Faults()
        check(&faults)
        try faults.check()
    }

    private func check(_ faults: inout Faults) {
        for (key, size) in [
            ("vocabulary_size", vocabularySize), ("hidden_size", hiddenSize),
            ("embedding_size", embeddingSize), ("context_length", contextLength),
        ] {
            faults.expect(key, size, in: sizes)
        }
        faults.expect("layer_count", layerCount, in: 1...1 << 13)
        faults.expectPositive("embedding_scale", Double(embeddingScale))
        logitCap?.check("logit_cap", &faults)
        norm.check(&faults)
        residual.check(placement, &faults)
        attention.check(layerCount: layerCount, &faults)
        positions.check(attention, layerCount: layerCount, &faults)
        feedForward.check(&faults)
        if !precision.isAvailable {
            faults.add(
                "precision must be float32: this processor does not multiply \(precision)",
                about: "precision")
        }
        names.check(once: modules.once, inLayers: modules.inLayers, &faults)
    }
}
