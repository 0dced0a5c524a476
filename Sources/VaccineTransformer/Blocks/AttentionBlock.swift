internal import VaccineNumerics

/// The attention settings of a description.
struct AttentionSettings: Sendable {
    var headCount: Int  // H
    var keyValueHeadCount: Int  // K
    var headSize: Int  // D
    var queryKeyValueBias: Bool
    var outputBias: Bool
    /// How many positions one sees in each layer, itself included; 0: all before it. Empty: all in every layer.
    private var windows: [Int]
    /// Nil: queries and keys are not normalised.
    var queryKeyNorm: QueryKeyNormScope?
    var fusion: QueryKeyValueFusion
    /// Multiplies the scores; nil: 1 / √D.
    private var givenScale: Float?
    /// Of the scores; nil: none.
    var cap: SoftCap?

    init(_ reader: inout DescriptionReader) {
        headCount = reader.integer("head_count")
        keyValueHeadCount = reader.integer("key_value_head_count")
        headSize = reader.integer("head_size")
        queryKeyValueBias = reader.flag("query_key_value_bias")
        outputBias = reader.flag("attention_output_bias")
        windows = reader.has("windows") ? reader.integers("windows") : []
        queryKeyNorm = QueryKeyNormScope(&reader)
        fusion = QueryKeyValueFusion(&reader)
        givenScale = reader.has("attention_scale") ? Float(reader.real("attention_scale")) : nil
        cap = SoftCap(&reader, "attention_cap")
    }

    /// The linear maps before attention, side by side: the model's word for each, and its outputs.
    var inputMaps: [(module: String, outputs: Int)] {
        guard fusion == .separate else { return [("query_key_value", queryKeyValueWidth)] }
        return [("query", queryWidth), ("key", keyValueWidth), ("value", keyValueWidth)]
    }

    /// The model's words for the linear maps, in the order of the computation.
    ///
    /// Known before sizes are checked, whose products may be beyond an integer.
    var modules: [String] {
        let maps = fusion == .separate ? ["query", "key", "value"] : ["query_key_value"]
        return maps + ["attention_output"]
    }

    /// The order of the fused map's rows in files, where it is another.
    var rowOrder: RowOrder? {
        guard fusion == .fusedByHead else { return nil }
        return RowOrder(
            headCount: headCount, keyValueHeadCount: keyValueHeadCount, headSize: headSize)
    }

    var scale: Float { givenScale ?? 1 / Float(headSize).squareRoot() }

    func window(ofLayer layer: Int) -> Int {
        windows.indices.contains(layer) && windows[layer] > 0 ? windows[layer] : Int.max
    }

    /// Width of the queries, H·D, and of the attention context before the output projection.
    var queryWidth: Int { headCount * headSize }
    /// Width of the keys, and of the values, K·D.
    var keyValueWidth: Int { keyValueHeadCount * headSize }
    /// Width of queries and keys side by side, which positions turn.
    var turnedWidth: Int { queryWidth + keyValueWidth }
    /// Width of queries, keys and values side by side.
    var queryKeyValueWidth: Int { queryWidth + 2 * keyValueWidth }

    func check(layerCount: Int, _ faults: inout Faults) {
        faults.expectOne("windows", windows, forEachOf: layerCount, in: 0...1 << 28)
        faults.expect("head_count", headCount, in: sizes)
        faults.expect("key_value_head_count", keyValueHeadCount, in: sizes)
        faults.expect("head_size", headSize, in: sizes)
        if let givenScale { faults.expectPositive("attention_scale", Double(givenScale)) }
        cap?.check("attention_cap", &faults)
        guard sizes.contains(headCount), sizes.contains(keyValueHeadCount) else { return }
        if sizes.contains(headSize), !sizes.contains(queryWidth) {
            faults.add(
                "head_count · head_size must be in [1, 2^28], got \(headCount) · \(headSize)",
                about: "head_count", "head_size")
        }
        if headCount % keyValueHeadCount != 0 {
            faults.add(
                "head_count (\(headCount)) must be a multiple of key_value_head_count "
                    + "(\(keyValueHeadCount))",
                about: "head_count", "key_value_head_count")
        }
    }
}

/// What an attention block keeps from its forward pass for its backward pass.
struct AttentionActivations {
    let qkv: Matrix  // [T, (H + 2K)·D] turned by their positions
    let qkvCache: Projection.Cache
    let queryKeyNorm: QueryKeyNormActivations?
    let logSums: Matrix  // [H, T]
    let context: Matrix  // [T, H·D]
    let outputCache: Projection.Cache

    /// - Parameter statisticsWidth: of the model's kind of norm.
    init(
        _ settings: AttentionSettings, statisticsWidth: Int, tokens: Int, rank: Int, in arena: Arena
    ) {
        qkv = arena.matrix(rows: tokens, columns: settings.queryKeyValueWidth)
        qkvCache = Projection.Cache(
            parts: settings.inputMaps.count, tokens: tokens, rank: rank, in: arena)
        queryKeyNorm = settings.queryKeyNorm.map {
            QueryKeyNormActivations(
                $0, settings, statisticsWidth: statisticsWidth, tokens: tokens, in: arena)
        }
        logSums = arena.matrix(rows: settings.headCount, columns: tokens)
        context = arena.matrix(rows: tokens, columns: settings.queryWidth)
        outputCache = Projection.Cache(parts: 1, tokens: tokens, rank: rank, in: arena)
    }
}

/// Queries, keys and values of every row, attention among them, and the output projection.
///
/// ```
/// y = output(attention(turn(norm(queryKeyValue(x)))))
/// ```
package struct AttentionBlock {
    package var queryKeyValue: Projection
    package var output: Projection
    let norm: QueryKeyNorm?
    let attention: Attention
    let positions: any PositionEncoding

    private var turnedHeads: Int { attention.headCount + attention.keyValueHeadCount }

    /// - Parameters:
    ///   - x: shape [T, C].
    ///   - kept: written; from the context on it has the rows that the pass wants of the layer.
    ///   - y: the attention output [S, C] of those rows, overwritten.
    func forward(
        _ x: Matrix, _ pass: Pass, layer: Int, _ kept: AttentionActivations, into y: Matrix
    ) throws(VaccineError) {
        let all = 0..<x.rows
        let (qkv, context) = (kept.qkv.rows(all), kept.context.rows(all))
        try queryKeyValue.forward(
            x, pass, masks: pass.masks, cache: kept.qkvCache, into: qkv)
        if let norm, let kept = kept.queryKeyNorm { norm.forward(qkv, kept) }
        positions.turn(qkv, heads: turnedHeads, at: pass.positions, inverse: false)
        try pass.interruption.check()
        switch (pass.positions, pass.cached) {
        case (.single, let cached?):
            attention.advance(
                qkv, in: cached[layer: layer], scratch: pass.scratch.attention, into: context)
        case (.single, nil):
            preconditionFailure("one token of a sequence needs what came before")
        case (.sequences(let offsets, _, _), let cached):
            if let cached { attention.keep(qkv, in: cached[layer: layer]) }
            try attention.forward(
                qkv, offsets: offsets, prefixes: pass.batch.prefixes, logSums: kept.logSums,
                scratch: pass.scratch.attention, joined: pass.scratch.joined,
                rounded: pass.scratch.rounded?.rows(all), interruption: pass.interruption,
                into: context)
        }
        if let chosen = pass.rows(of: layer) { kept.context.gather(chosen) }
        try output.forward(
            kept.context.rows(0..<y.rows), pass, masks: pass.masks(of: layer),
            cache: kept.outputCache, into: y)
    }

    /// - Parameters:
    ///   - x: the input once more; needed where weights have gradients.
    ///   - dY: the gradient at the attention output, [S, C], not changed.
    ///   - dX: overwritten, [T, C]; nil: not wanted.
    func backward(
        _ x: Matrix?, dY: Matrix, _ pass: Pass, layer: Int, _ kept: AttentionActivations,
        _ backward: BackwardScratch, weights: Bool, into dX: Matrix?
    ) throws(VaccineError) {
        let (all, wanted) = (0..<pass.tokens, 0..<dY.rows)
        let (context, dContext) = (kept.context.rows(all), backward.dContext.rows(all))
        try output.backward(
            context.rows(wanted), dY: dY, pass, masks: pass.masks(of: layer),
            cache: kept.outputCache, weights: weights, into: dContext.rows(wanted))
        if let chosen = pass.rows(of: layer) {
            context.scatter(chosen)
            dContext.scatter(chosen)
        }
        try pass.interruption.check()
        let dQKV = backward.dQKV.rows(all)
        try attention.backward(
            kept.qkv.rows(all), offsets: pass.batch.offsets, prefixes: pass.batch.prefixes,
            logSums: kept.logSums, dContext: dContext, scratch: pass.scratch.attention,
            second: backward.attention, joined: pass.scratch.joined,
            dPrefixes: pass.batch.prefixes.isEmpty ? nil : backward.dPrefixes,
            rounded: pass.scratch.rounded?.rows(all),
            roundedGradient: backward.rounded?.rows(all), interruption: pass.interruption,
            into: dQKV)
        try pass.interruption.check()
        positions.turn(dQKV, heads: turnedHeads, at: pass.positions, inverse: true)
        if let norm, let kept = kept.queryKeyNorm {
            norm.backward(dQKV, kept, in: dContext)
        }
        try queryKeyValue.backward(
            x, dY: dQKV, pass, masks: pass.masks, cache: kept.qkvCache, weights: weights,
            into: dX)
    }
}
