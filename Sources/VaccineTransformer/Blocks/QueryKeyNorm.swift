internal import VaccineNumerics

/// Over what queries and keys are normalised.
enum QueryKeyNormScope: Sendable {
    /// Every head by itself, all with the same weights [D].
    case head
    /// All heads of queries together, [H·D], and all of keys, [K·D].
    case allHeads

    init?(_ reader: inout DescriptionReader) {
        let kinds: [(name: String, kind: QueryKeyNormScope)] = [
            ("head", .head), ("all_heads", .allHeads),
        ]
        guard reader.has("query_key_norm"),
            let kind = reader.choice("query_key_norm", among: kinds)
        else { return nil }
        self = kind
    }

    /// The model's words for the norms.
    static let modules = ["query_norm", "key_norm"]
}

/// Norms of queries and keys before they are turned by their positions.
///
/// ```
/// q_h = norm_q(q_h),  k_h = norm_k(k_h)   for every head h, or over all heads at once
/// ```
/// - SeeAlso: Henry et al. 2020, arXiv:2010.04245; Dehghani et al. 2023, arXiv:2302.05442, section 2.
struct QueryKeyNorm {
    let query: any Norm
    let key: any Norm
    /// The columns of each normalised piece, with its norm.
    private let pieces: [(columns: Range<Int>, norm: any Norm)]

    init(
        _ scope: QueryKeyNormScope, _ settings: AttentionSettings, _ norm: any NormSettings,
        in arena: Arena
    ) {
        let widths =
            scope == .head
            ? (settings.headSize, settings.headSize)
            : (settings.queryWidth, settings.keyValueWidth)
        let query = norm.layOut(width: widths.0, in: arena)
        let key = norm.layOut(width: widths.1, in: arena)
        self.query = query
        self.key = key
        func pieces(_ all: Range<Int>, _ width: Int, _ norm: any Norm) -> [(Range<Int>, any Norm)] {
            stride(from: all.lowerBound, to: all.upperBound, by: width).map {
                ($0..<$0 + width, norm)
            }
        }
        let (end, turned) = (settings.queryWidth, settings.turnedWidth)
        self.pieces = pieces(0..<end, widths.0, query) + pieces(end..<turned, widths.1, key)
    }

    /// - Parameters:
    ///   - states: rows that begin with queries and keys, changed in place.
    ///   - kept: overwritten.
    func forward(_ states: Matrix, _ kept: QueryKeyNormActivations) {
        let all = 0..<states.rows
        Threads.forEachRange(of: states.rows) { rows in
            kept.input.rows(rows).copy(
                from: states.rows(rows).columns(0..<kept.input.columns))
        }
        for (index, piece) in pieces.enumerated() {
            piece.norm.forward(
                kept.input.rows(all).columns(piece.columns),
                statistics: kept.statistics(index, all), into: states.columns(piece.columns))
        }
    }

    /// - Parameters:
    ///   - gradient: at the normalised rows on entry, at the rows before on return.
    ///   - memory: scratch [T, ≥ a piece's width].
    func backward(_ gradient: Matrix, _ kept: QueryKeyNormActivations, in memory: Matrix) {
        let all = 0..<gradient.rows
        for (index, piece) in pieces.enumerated() {
            let dY = gradient.columns(piece.columns)
            let dX = memory.columns(0..<piece.columns.count)
            dX.fill(0)
            piece.norm.backward(
                kept.input.rows(all).columns(piece.columns),
                statistics: kept.statistics(index, all), dY: dY, addingTo: dX)
            dY.copy(from: dX)
        }
    }
}

/// What norms of queries and keys keep from their forward pass for their backward pass.
struct QueryKeyNormActivations {
    let input: Matrix  // [T, (H + K)·D]
    private let statistics: Matrix  // [T, pieces · statistics of the norm]
    private let width: Int

    init(
        _ scope: QueryKeyNormScope, _ settings: AttentionSettings, statisticsWidth: Int,
        tokens: Int, in arena: Arena
    ) {
        let pieces = scope == .head ? settings.headCount + settings.keyValueHeadCount : 2
        width = statisticsWidth
        input = arena.matrix(rows: tokens, columns: settings.turnedWidth)
        statistics = arena.matrix(rows: tokens, columns: pieces * statisticsWidth)
    }

    func statistics(_ piece: Int, _ rows: Range<Int>) -> Matrix {
        statistics.rows(rows).columns(piece * width..<(piece + 1) * width)
    }
}
