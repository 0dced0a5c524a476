internal import VaccineNumerics

/// Where the norms of a layer stand.
///
/// ```
/// before:       x + block(norm(x))
/// after:   norm(x + block(x))
/// output:  x + norm(block(x))
/// around:  x + outputNorm(block(norm(x)))
/// ```
enum NormPlacement: Sendable {
    case before
    case after
    case output
    case around

    init(_ reader: inout DescriptionReader) {
        let kinds: [(name: String, kind: NormPlacement)] = [
            ("before", .before), ("after", .after), ("output", .output), ("around", .around),
        ]
        self =
            reader.has("norm_placement")
            ? reader.choice("norm_placement", among: kinds) ?? .before : .before
    }

    var isBefore: Bool { self == .before || self == .around }
    var isAfter: Bool { self != .before }

    /// The model's words for the norms of a layer: where two are around a block, the second is of its output.
    var modules: [String] {
        ["attention_norm", "feed_forward_norm"]
            + (self == .around ? NormPlacement.outputModules : [])
    }

    static let outputModules = ["attention_output_norm", "feed_forward_output_norm"]
}

/// What the norms around a block keep from their forward pass for their backward pass.
struct ResidualNormActivations {
    let before: Matrix  // [T, statistics of the norm]
    let after: Matrix  // [T, statistics of the norm]
    let taken: Matrix?  // [T, C] what a norm after the block takes

    init(_ configuration: ModelConfiguration, tokens: Int, in arena: Arena) {
        let (placement, width) = (configuration.placement, configuration.norm.statisticsWidth)
        before = arena.matrix(rows: tokens, columns: placement.isBefore ? width : 0)
        after = arena.matrix(rows: tokens, columns: placement.isAfter ? width : 0)
        taken =
            placement.isAfter
            ? arena.matrix(rows: tokens, columns: configuration.hiddenSize) : nil
    }
}

/// The norms and the residual add around one block of a layer.
struct ResidualNorm {
    let placement: NormPlacement
    /// The norm before the block; where there is none, that after it.
    let norm: any Norm
    /// Of the block's output, where another norm is before it.
    let outputNorm: (any Norm)?

    private var after: any Norm { outputNorm ?? norm }

    init(_ configuration: ModelConfiguration, in arena: Arena) {
        let (kind, width) = (configuration.norm, configuration.hiddenSize)
        placement = configuration.placement
        norm = kind.layOut(width: width, in: arena)
        outputNorm = placement == .around ? kind.layOut(width: width, in: arena) : nil
    }

    /// What the block takes: x, or its norm in `memory`.
    ///
    /// - Parameters: `x`: shape [T, C]. `kept`: overwritten.
    func input(_ x: Matrix, _ kept: ResidualNormActivations, in memory: Matrix) -> Matrix {
        guard placement.isBefore else { return x }
        norm.forward(x, statistics: kept.before, into: memory)
        return memory
    }

    /// What `input` gave, once more.
    func inputAgain(_ x: Matrix, _ kept: ResidualNormActivations, in memory: Matrix) -> Matrix {
        guard placement.isBefore else { return x }
        norm.again(x, statistics: kept.before, into: memory)
        return memory
    }

    /// The stream after the block.
    ///
    /// - Parameters:
    ///   - y: the block's output on entry, the stream on return; shape [S, C].
    ///   - x: the stream before the block, of which `chosen` are the rows of y; nil: all.
    ///   - kept: overwritten.
    func add(
        _ x: Matrix, rows chosen: [Int]? = nil, to y: Matrix, _ kept: ResidualNormActivations
    ) {
        guard let taken = kept.taken?.rows(0..<y.rows) else { return y.add(x, rows: chosen) }
        if placement == .after { y.add(x, rows: chosen) }
        taken.copy(from: y)
        after.forward(taken, statistics: kept.after, into: y)
        if placement != .after { y.add(x, rows: chosen) }
    }

    /// Goes back from the stream after the block to the block's output.
    ///
    /// - Parameters:
    ///   - dY: the gradient at the stream on entry, at x on return, but for what comes through the block;
    ///     shape [S, C].
    ///   - memory: shape [S, C], overwritten where a norm is after the block.
    /// - Returns: the gradient at the block's output, in `dY` or in `memory`.
    func backwardToOutput(
        _ dY: Matrix, _ kept: ResidualNormActivations, in memory: Matrix
    ) -> Matrix {
        guard let taken = kept.taken?.rows(0..<dY.rows) else { return dY }
        memory.fill(0)
        after.backward(taken, statistics: kept.after, dY: dY, addingTo: memory)
        if placement != .after { return memory }
        dY.copy(from: memory)
        return dY
    }

    /// Adds the gradient at what `input` took, from that at what it gave.
    func backwardOfInput(
        _ x: Matrix, _ kept: ResidualNormActivations, dInput: Matrix, addingTo dX: Matrix
    ) {
        guard placement.isBefore else { return dX.add(dInput) }
        norm.backward(x, statistics: kept.before, dY: dInput, addingTo: dX)
    }
}

/// No norm at all.
struct Identity: Norm {
    var weights: [(ending: String, values: Matrix)] { [] }
    func forward(_ x: Matrix, statistics: Matrix, into y: Matrix) { y.copy(from: x) }
    func again(_ x: Matrix, statistics: Matrix, into y: Matrix) { y.copy(from: x) }
    func backward(_ x: Matrix, statistics: Matrix, dY: Matrix, addingTo dX: Matrix) { dX.add(dY) }
}
