public import VaccineNumerics

/// Norms of the sign-flipped mean drift, for every layer and over all layers.
///
/// ```
/// t_b = ‖Σ_p s_pb · δ_p‖ / P,   s_pb = ±1 from the hash of prompt p's key and b;   t_0 has s = 1
/// ```
/// Under the null hypothesis δ_p and −δ_p are equally likely, given the prompt, whatever linear map is
/// applied to them; so the test on sketches is valid at any number of directions. All layers share the
/// signs, which is what max-T needs.
/// - Parameters:
///   - deltas: mean differences [P, layers · directions].
///   - keys: [P]; results do not depend on the order of prompts only if they come in one order.
///   - draws: B.
/// - Returns: [B + 1, layers + 1], the last column over all layers.
/// - Complexity: 2·P·B·layers·directions operations.
public func signFlipNorms(
    deltas: [Float], layers: Int, keys: [UInt64], draws: Int, seed: UInt64,
    interruption: Interruption
) throws(VaccineError) -> [Double] {
    let flips = try SignFlips(deltas, layers: layers, keys: keys)
    let prompts = Double(keys.count)
    var norms = [Double](repeating: 0, count: (draws + 1) * (layers + 1))
    let total = draws + 1
    for draws in Blocks(of: total, size: SignFlips.block) {
        try interruption.check(draws.lowerBound, of: total)
        let squares = try flips.squares(draws, seed: seed, interruption)
        for (place, draw) in draws.enumerated() {
            let own = squares[place * layers..<(place + 1) * layers]
            let start = draw * (layers + 1)
            for (layer, square) in own.enumerated() {
                norms[start + layer] = square.squareRoot() / prompts
            }
            norms[start + layers] = own.reduce(0, +).squareRoot() / prompts
        }
    }
    return norms
}

/// Sums of sign-flipped rows for blocks of draws.
private final class SignFlips {
    static let block = 64

    private let keys: [PromptKey]
    private let (layers, directions): (Int, Int)
    private let (delta, signs, sums): (Matrix, Matrix, Matrix)
    /// Whether float32 sums would lose the small differences of a layer beside the large.
    private let needsDouble: Bool
    private let arena: Arena

    init(_ deltas: [Float], layers: Int, keys: [UInt64]) throws(VaccineError) {
        let (prompts, block) = (keys.count, SignFlips.block)
        let width = deltas.count / max(prompts, 1)
        self.keys = keys.map { PromptKey(value: $0) }
        (self.layers, directions) = (layers, width / layers)
        arena = try Arena(
            byteCount: 4 * (prompts * (width + 16) + block * (prompts + 16) + block * (width + 16))
                + 192,
            purpose: "the sign-flip test")
        delta = arena.matrix(rows: prompts, columns: width)
        delta.copy(from: deltas.span)
        signs = arena.matrix(rows: block, columns: prompts)
        sums = arena.matrix(rows: block, columns: width)
        needsDouble = !(0..<layers).allSatisfy { [delta, directions] layer in
            SignFlips.isEven(delta, layer * directions..<(layer + 1) * directions)
        }
    }

    /// Whether no row of these columns is above 1024 times the median row.
    private static func isEven(_ rows: Matrix, _ columns: Range<Int>) -> Bool {
        var squares = Threads.map(rows.rows) { row in
            let values = rows[row]
            return columns.reduce(0) { $0 + Double(values[$1]) * Double(values[$1]) }
        }
        guard let largest = squares.max() else { return true }
        return largest <= 0x1p20 * median(&squares)
    }

    /// The squared norm of every layer's sum, [draws, layers]; `draws` are of one block.
    func squares(
        _ draws: Range<Int>, seed: UInt64, _ interruption: Interruption
    ) throws(VaccineError) -> [Double] {
        let (keys, signs) = (keys, signs)
        Threads.forEachRange(of: keys.count) { range in
            for prompt in range {
                let bits = keys[prompt].signs(seed, block: draws.lowerBound / SignFlips.block)
                for (row, draw) in draws.enumerated() {
                    signs[row, prompt] = draw == 0 || bits >> UInt64(row) & 1 == 0 ? 1 : -1
                }
            }
        }
        return try needsDouble ? double(draws.count, interruption) : single(draws.count)
    }

    private func single(_ rows: Int) -> [Double] {
        multiply(signs.rows(0..<rows), by: Weight(delta), into: sums.rows(0..<rows))
        var squares = [Double](repeating: 0, count: rows * layers)
        for row in 0..<rows {
            let values = sums[row]
            for column in values.indices {
                let value = Double(values[column])
                squares[row * layers + column / directions] += value * value
            }
        }
        return squares
    }

    private func double(
        _ rows: Int, _ interruption: Interruption
    ) throws(VaccineError) -> [Double] {
        let (delta, signs, layers, directions) = (delta, signs, layers, directions)
        let ofLayers = Results<DoubleMatrix>(count: layers)
        let parts = Blocks(of: keys.count, size: 1 << 14)
        for part in parts {
            try interruption.check()
            let flips = DoubleMatrix(
                rows: rows, columns: part.count,
                (0..<rows).flatMap { row in part.map { Double(signs[row, $0]) } })
            Threads.forEach(layers) { layer, _ in
                let columns = layer * directions..<(layer + 1) * directions
                let own = DoubleMatrix(
                    rows: part.count, columns: directions,
                    part.flatMap { row in columns.map { Double(delta[row, $0]) } })
                var sums = ofLayers[layer] ?? DoubleMatrix(zeros: rows, directions)
                sums.add(product(flips, own))
                ofLayers[layer] = sums
            }
        }
        let squares = (0..<layers).map { ofLayers[$0]?.squaredRowNorms ?? [] }
        return (0..<rows).flatMap { row in squares.map { $0[row] } }
    }
}
