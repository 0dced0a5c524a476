package import VaccineNumerics

/// A decoder, described by its blocks.
package struct ModelConfiguration: Sendable {
    package var vocabularySize: Int  // V
    package var hiddenSize: Int  // C
    package var layerCount: Int  // L
    package var contextLength: Int
    var norm: any NormSettings
    var positions: any PositionSettings
    var attention: AttentionSettings
    var feedForward: FeedForwardSettings
    /// Whether the vocabulary projection is the embedding.
    var tiedEmbeddings: Bool
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
        norm = Kinds.norm(&reader)
        positions = Kinds.positions(&reader)
        attention = AttentionSettings(&reader)
        feedForward = FeedForwardSettings(&reader)
        tiedEmbeddings = reader.flag("tied_embeddings")
        precision = reader.choice("precision", among: Kinds.precisions) ?? .float32
        names = ModuleNames()
        names = reader.names(of: modules.once + modules.inLayers)
        reader.refuseUnknownKeys()
        check(&reader.faults)
        try reader.faults.check()
    }

    /// The model's own words for its modules.
    private var modules: (once: [String], inLayers: [String]) {
        (
            ["embedding", "final_norm", "head"],
            ["attention_norm", "feed_forward_norm"] + AttentionSettings.modules
                + feedForward.modules
        )
    }

    /// The modules of every layer that can carry an adapter, as an adapter's settings call them.
    package var adapterTargets: [String] {
        (AttentionSettings.modules + feedForward.modules).map(names.target)
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
            ("context_length", contextLength),
        ] {
            faults.expect(key, size, in: sizes)
        }
        faults.expect("layer_count", layerCount, in: 1...1 << 13)
        norm.check(&faults)
        attention.check(&faults)
        positions.check(attention, &faults)
        feedForward.check(&faults)
        if !precision.isAvailable {
            faults.add(
                "precision must be float32: this processor does not multiply \(precision)",
                about: "precision")
        }
        names.check(once: modules.once, inLayers: modules.inLayers, &faults)
    }
}
