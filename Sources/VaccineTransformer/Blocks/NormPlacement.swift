internal import VaccineNumerics

/// Where the norms of a layer stand.
///
/// ```
/// before:       x + block(norm(x))
/// after:   norm(x + block(x))
/// ```
enum NormPlacement: Sendable {
    case before
    case after

    init(_ reader: inout DescriptionReader) {
        let kinds: [(name: String, kind: NormPlacement)] = [
            ("before", .before), ("after", .after),
        ]
        self =
            reader.has("norm_placement")
            ? reader.choice("norm_placement", among: kinds) ?? .before : .before
    }

    /// Memory for x + block(x), from which a norm after the block goes backward; nil where there is none.
    func sum(tokens: Int, width: Int, in arena: Arena) -> Matrix? {
        self == .after ? arena.matrix(rows: tokens, columns: width) : nil
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
    ///   - sum: overwritten where the norm is after the block.
    func add(_ x: Matrix, rows chosen: [Int]? = nil, to y: Matrix, statistics: Matrix, sum: Matrix?)
    {
        y.add(x, rows: chosen)
        guard let sum else { return }
        sum.copy(from: y)
        norm.forward(sum, statistics: statistics, into: y)
    }

    /// Goes back from the stream after the block to the block's output.
    ///
    /// - Parameters:
    ///   - dY: the gradient at `y`, changed in place; shape [S, C].
    ///   - memory: shape [S, C], overwritten where the norm is after the block.
    func backwardOfSum(_ dY: Matrix, statistics: Matrix, sum: Matrix?, in memory: Matrix) {
        guard let sum else { return }
        memory.fill(0)
        norm.backward(sum, statistics: statistics, dY: dY, addingTo: memory)
        dY.copy(from: memory)
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
