public import VaccineNumerics

/// Debiased linear CKA of every layer of the reference with every layer of the current model, over prompts.
///
/// - Parameters:
///   - means: sketches [P, layers, 2, directions] of each prompt's mean x and mean δ.
/// - Returns: [layers, layers]: reference layer by current layer; NaN where it is not defined, and where
///   prompts differ by little more than float32's rounding of their common part.
/// - Complexity: O(layers² · P · directions²).
public func layerMap(
    means: [Float], prompts: Int, layers: Int, interruption: Interruption
) throws(VaccineError) -> [Double] {
    let directions = means.count / max(1, 2 * prompts * layers)
    func side(_ layer: Int, current: Bool) -> DoubleMatrix {
        var matrix = DoubleMatrix(zeros: prompts, directions)
        for prompt in 0..<prompts {
            let start = (prompt * layers + layer) * 2 * directions
            for index in 0..<directions {
                let delta = current ? Double(means[start + directions + index]) : 0
                matrix[prompt, index] = Double(means[start + index]) + delta
            }
        }
        return matrix
    }
    let (reference, current) = (
        (0..<layers).map { side($0, current: false) }, (0..<layers).map { side($0, current: true) }
    )
    var map: [Double] = []
    let work = 4 * prompts * directions * directions
    for pair in Blocks(of: layers * layers, size: Threads.wave(of: work)) {
        try interruption.check(pair.lowerBound, of: layers * layers)
        map += Threads.map(pair.count) { place in
            let index = pair.lowerBound + place
            let (layer, other) = (index / layers, index % layers)
            let moments = PairedMoments(x: reference[layer], y: current[other])
            guard
                isResolved(moments.sxx, of: reference[layer])
                    && isResolved(moments.syy, of: current[other])
            else { return .nan }
            return moments.debiasedCKA ?? .nan
        }
    }
    return map
}

/// Whether the variance that rounding to float32 adds, 2⁻⁴⁸ / 3 of the squares, is at most 10⁻⁶ of the
/// rows' own.
private func isResolved(_ scatter: DoubleMatrix, of rows: DoubleMatrix) -> Bool {
    rows.squaredNorm * 0x1p-48 / 3 <= 1e-6 * scatter.trace
}
