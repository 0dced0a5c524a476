internal import VaccineNumerics

/// Where the norms of a layer stand.
///
/// ```
/// before:       x + block(norm(x))
/// after:   norm(x + block(x))
/// output:  x + norm(block(x))
/// ```
enum NormPlacement: Sendable {
    case before
    case after
    case output

    init(_ reader: inout DescriptionReader) {
        let kinds: [(name: String, kind: NormPlacement)] = [
            ("before", .before), ("after", .after), ("output", .output),
        ]
        self =
            reader.has("norm_placement")
            ? reader.choice("norm_placement", among: kinds) ?? .before : .before
    }

    /// Memory for what a norm after the block takes, from which it goes backward; nil where there is none.
    func taken(tokens: Int, width: Int, in arena: Arena) -> Matrix? {
        self != .before ? arena.matrix(rows: tokens, columns: width) : nil
    }
}

/// The norm and the residual add around one block of a layer.
struct ResidualNorm {
    let norm: any Norm
    let placement: NormPlacement

    /// What the block takes: x, or its norm in `memory`.
    ///
    /// - Parameters: `x`: shape [T, C]. `statistics`: of a norm before the block, overwritten.
    func input(_ x: Matrix, statistics: Matrix, in memory: Matrix) -> Matrix {
        guard placement == .before else { return x }
        norm.forward(x, statistics: statistics, into: memory)
        return memory
    }

    /// What `input` gave, once more.
    func inputAgain(_ x: Matrix, statistics: Matrix, in memory: Matrix) -> Matrix {
        guard placement == .before else { return x }
        norm.again(x, statistics: statistics, into: memory)
        return memory
    }

    /// The stream after the block.
    ///
    /// - Parameters:
    ///   - y: the block's output on entry, the stream on return; shape [S, C].
    ///   - x: the stream before the block, of which `chosen` are the rows of y; nil: all.
    ///   - taken: overwritten with what a norm after the block takes.
    func add(
        _ x: Matrix, rows chosen: [Int]? = nil, to y: Matrix, statistics: Matrix, taken: Matrix?
    ) {
        if placement != .output { y.add(x, rows: chosen) }
        guard let taken else { return }
        taken.copy(from: y)
        norm.forward(taken, statistics: statistics, into: y)
        if placement == .output { y.add(x, rows: chosen) }
    }

    /// Goes back from the stream after the block to the block's output.
    ///
    /// - Parameters:
    ///   - dY: the gradient at the stream on entry, at x on return, but for what comes through the block;
    ///     shape [S, C].
    ///   - memory: shape [S, C], overwritten where a norm is after the block.
    /// - Returns: the gradient at the block's output, in `dY` or in `memory`.
    func backwardToOutput(
        _ dY: Matrix, statistics: Matrix, taken: Matrix?, in memory: Matrix
    ) -> Matrix {
        guard let taken else { return dY }
        memory.fill(0)
        norm.backward(taken, statistics: statistics, dY: dY, addingTo: memory)
        if placement == .output { return memory }
        dY.copy(from: memory)
        return dY
    }

    /// Adds the gradient at what `input` took, from that at what it gave.
    func backwardOfInput(_ x: Matrix, statistics: Matrix, dInput: Matrix, addingTo dX: Matrix) {
        guard placement == .before else { return dX.add(dInput) }
        norm.backward(x, statistics: statistics, dY: dInput, addingTo: dX)
    }
}

/// No norm at all.
struct Identity: Norm {
    var weights: [(ending: String, values: Matrix)] { [] }
    func forward(_ x: Matrix, statistics: Matrix, into y: Matrix) { y.copy(from: x) }
    func again(_ x: Matrix, statistics: Matrix, into y: Matrix) { y.copy(from: x) }
    func backward(_ x: Matrix, statistics: Matrix, dY: Matrix, addingTo dX: Matrix) { dX.add(dY) }
}
