public import VaccineNumerics

/// Debiased linear CKA of every layer of the reference with every layer of the current model, over prompts.
///
/// - Parameters:
///   - means: sketches [P, layers, 2, directions] of each prompt's mean x and mean δ.
/// - Returns: [layers, layers]: reference layer by current layer; NaN where it is not defined.
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
    for layer in 0..<layers {
        try interruption.check()
        map += Threads.map(layers) { other in
            PairedMoments(x: reference[layer], y: current[other]).debiasedCKA ?? .nan
        }
    }
    return map
}
