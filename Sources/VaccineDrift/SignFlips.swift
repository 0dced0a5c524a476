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
    let prompts = keys.count
    let width = deltas.count / max(prompts, 1)
    let directions = width / layers
    let block = 64
    let arena = try Arena(
        byteCount: 4 * (prompts * (width + 16) + block * (prompts + 16) + block * (width + 16))
            + 192,
        purpose: "the sign-flip test")
    let delta = arena.matrix(rows: prompts, columns: width)
    delta.copy(from: deltas.span)
    let signs = arena.matrix(rows: block, columns: prompts)
    let sums = arena.matrix(rows: block, columns: width)
    let streams = keys.map { PromptKey(value: $0) }
    var norms = [Double](repeating: 0, count: (draws + 1) * (layers + 1))
    for start in stride(from: 0, through: draws, by: block) {
        try interruption.check()
        let rows = 0..<min(block, draws + 1 - start)
        Threads.forEachRange(of: prompts) { range in
            for prompt in range {
                for row in rows {
                    let draw = start + row
                    signs[row, prompt] = draw == 0 ? 1 : streams[prompt].sign(seed, draw: draw)
                }
            }
        }
        multiply(signs.rows(rows), by: Weight(delta), into: sums.rows(rows))
        for row in rows {
            var total = 0.0
            let values = sums[row]
            for layer in 0..<layers {
                var squares = 0.0
                for index in layer * directions..<(layer + 1) * directions {
                    squares += Double(values[index]) * Double(values[index])
                }
                total += squares
                norms[(start + row) * (layers + 1) + layer] =
                    squares.squareRoot() / Double(prompts)
            }
            norms[(start + row) * (layers + 1) + layers] = total.squareRoot() / Double(prompts)
        }
    }
    return norms
}
