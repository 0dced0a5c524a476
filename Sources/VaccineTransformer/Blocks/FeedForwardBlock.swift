internal import VaccineNumerics

/// The feed-forward settings of a description.
struct FeedForwardSettings: Sendable {
    var width: Int  // F
    var bias: Bool
    var activation: any Activation
    /// Whether gate and up are one linear map.
    var isFused: Bool

    init(_ reader: inout DescriptionReader) {
        width = reader.integer("feed_forward_size")
        bias = reader.flag("feed_forward_bias")
        activation = reader.choice("feed_forward", among: Kinds.activations) ?? SwiGLU()
        isFused =
            reader.has("gate_up")
            ? reader.choice("gate_up", among: [("separate", false), ("fused", true)]) ?? false
            : false
    }

    /// The linear maps before the activation, side by side: the model's word for each, and its outputs.
    var innerMaps: [(module: String, outputs: Int)] {
        innerModules.map { ($0, isFused ? innerWidth : width) }
    }

    private var innerModules: [String] { isFused ? ["gate_up"] : activation.modules }

    /// The model's words for the linear maps, in the order of the computation; before sizes are checked, too.
    var modules: [String] { innerModules + ["down"] }
    var innerWidth: Int { activation.modules.count * width }

    func check(_ faults: inout Faults) {
        faults.expect("feed_forward_size", width, in: sizes)
        if isFused && activation.modules.count == 1 {
            faults.add("gate_up must be 'separate' where nothing is gated", about: "gate_up")
        }
    }
}

/// What a feed-forward block keeps from its forward pass for its backward pass.
struct FeedForwardActivations {
    let inner: Matrix  // [T, n·F], in the backward pass its gradient
    let innerHalves: HalfMatrix?  // [T, n·F] if all layers share `inner`
    let innerCache: Projection.Cache
    let outputCache: Projection.Cache

    /// - Parameter sharedInner: `inner` for all layers, which then keep it in float16; nil: one for this layer.
    init(
        _ settings: FeedForwardSettings, tokens: Int, rank: Int, sharedInner: Matrix?,
        in arena: Arena
    ) {
        let width = settings.innerWidth
        inner = sharedInner ?? arena.matrix(rows: tokens, columns: width)
        innerHalves = sharedInner.map { _ in arena.halfMatrix(rows: tokens, columns: width) }
        innerCache = Projection.Cache(
            parts: settings.innerMaps.count, tokens: tokens, rank: rank, in: arena)
        outputCache = Projection.Cache(parts: 1, tokens: tokens, rank: rank, in: arena)
    }
}

/// Two products with an activation between them.
///
/// ```
/// y = down(activation(inner(x)))
/// ```
package struct FeedForwardBlock {
    package var inner: Projection
    package var output: Projection
    let activation: any Activation

    /// - Parameters: `masks`: the dropout masks of the rows of x; nil: dropout off. `kept`: written.
    func forward(
        _ x: Matrix, _ pass: Pass, masks: DropoutMasks?, _ kept: FeedForwardActivations,
        into y: Matrix
    ) throws(VaccineError) {
        let rows = 0..<x.rows
        let values = kept.inner.rows(rows)
        try inner.forward(x, pass, masks: masks, cache: kept.innerCache, into: values)
        try pass.interruption.check()
        let activated = pass.scratch.activated.rows(rows)
        activation.forward(values, halves: kept.innerHalves, into: activated)
        try output.forward(activated, pass, masks: masks, cache: kept.outputCache, into: y)
    }

    /// - Parameters:
    ///   - x: the input once more; needed where weights have gradients.
    ///   - dY: the gradient at y, not changed. `dX`: overwritten.
    func backward(
        _ x: Matrix?, dY: Matrix, _ pass: Pass, masks: DropoutMasks?,
        _ kept: FeedForwardActivations, _ backward: BackwardScratch, weights: Bool,
        into dX: Matrix
    ) throws(VaccineError) {
        let rows = 0..<dY.rows
        let scratch = pass.scratch
        let values = kept.inner.rows(rows)
        let activated = scratch.activated.rows(rows)
        let dActivated = backward.dActivated.rows(rows)
        if weights {
            if let halves = kept.innerHalves {
                activation.again(halves, places: scratch.dropped, into: activated)
            } else {
                activation.forward(values, halves: nil, into: activated)
            }
        }
        try output.backward(
            activated, dY: dY, pass, masks: masks, cache: kept.outputCache, weights: weights,
            into: dActivated)
        try pass.interruption.check()
        activation.backward(values, halves: kept.innerHalves, dY: dActivated)
        try inner.backward(
            x, dY: values, pass, masks: masks, cache: kept.innerCache, weights: weights,
            into: dX)
    }
}
