internal import VaccineNumerics

/// A decoder's weights laid out in an arena.
struct DecoderLayout {
    let embedding: Embedding
    let layers: [DecoderLayer]
    let head: LanguageHead
    let positions: any PositionEncoding

    init(_ configuration: ModelConfiguration, in arena: Arena) {
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        let precision = configuration.precision
        let width = configuration.embeddingSize
        let isProjected = configuration.hasEmbeddingProjection
        embedding = Embedding(
            weight: arena.weight(rows: vocabulary, columns: width, precision),
            projection: isProjected
                ? arena.weight(rows: hidden, columns: width, precision) : nil,
            scale: precision.nearest(configuration.embeddingScale))
        let positions = configuration.positions.layOut(configuration, in: arena)
        layers = (0..<configuration.layerCount).map {
            DecoderLayer(configuration, index: $0, positions: positions, in: arena)
        }
        head = LanguageHead(
            norm: configuration.finalNorm
                ? configuration.norm.layOut(width: hidden, in: arena) : Identity(),
            projection: isProjected
                ? arena.weight(rows: width, columns: hidden, precision) : nil,
            weight: configuration.tiedEmbeddings
                ? embedding.weight : arena.weight(rows: vocabulary, columns: width, precision),
            cap: configuration.logitCap)
        self.positions = positions
    }
}

extension DecoderLayer {
    fileprivate init(
        _ configuration: ModelConfiguration, index: Int, positions: any PositionEncoding,
        in arena: Arena
    ) {
        let (settings, inner) = (configuration.attention, configuration.feedForward)
        let (names, hidden) = (configuration.names, configuration.hiddenSize)
        var next = index * (settings.modules.count + inner.modules.count)
        func projection(
            _ maps: [(module: String, outputs: Int)], input: Int, bias: Bool,
            rowOrder: RowOrder? = nil
        ) -> Projection {
            var start = 0
            let parts = maps.map { module, count in
                defer {
                    start += count
                    next += 1
                }
                return Projection.Part(
                    name: names.target(module), module: names.name(of: module, layer: index),
                    range: start..<start + count, index: next, rowOrder: rowOrder,
                    adapter: nil)
            }
            return Projection(
                weight: arena.weight(rows: start, columns: input, configuration.precision),
                bias: bias ? arena.matrix(rows: 1, columns: start) : nil, parts: parts)
        }
        self.index = index
        residual = configuration.residual
        attentionNorm = ResidualNorm(configuration, in: arena)
        attention = AttentionBlock(
            queryKeyValue: projection(
                settings.inputMaps, input: hidden, bias: settings.queryKeyValueBias,
                rowOrder: settings.rowOrder),
            output: projection(
                [("attention_output", hidden)], input: settings.queryWidth,
                bias: settings.outputBias),
            norm: settings.queryKeyNorm.map {
                QueryKeyNorm($0, settings, configuration.norm, in: arena)
            },
            attention: Attention(settings, layer: index), positions: positions.ofLayer(index))
        feedForwardNorm = ResidualNorm(configuration, in: arena)
        feedForward = FeedForwardBlock(
            inner: projection(inner.innerMaps, input: hidden, bias: inner.bias),
            output: projection([("down", hidden)], input: inner.width, bias: inner.bias),
            activation: inner.activation)
    }
}
