package import VaccineNumerics
package import VaccineTransformer

/// The perturbation that raises the loss most, to first order, inside an L2 ball.
///
/// ```
/// ε_l = g_l · ρ / (‖(g_1 … g_L)‖₂ + 1e-7)
/// ```
/// One norm over all layers, in double precision.
/// - Parameters:
///   - gradients: L matrices g_l, each replaced by ε_l.
///   - rho: ρ ≥ 0, the total norm of ε.
///   - norms: receives ‖ε_l‖₂ of every layer.
/// - Returns: the norm of all gradients together.
/// - Throws: `VaccineError.value` that names the first layer with a non-finite gradient.
/// - SeeAlso: arXiv:2402.01109, Eq. 5.
package func perturb(
    _ gradients: some LayerMatrices, rho: Double, norms: Numbers
) throws(VaccineError) -> Double {
    sumSquares(gradients, into: norms)
    if let layer = norms.firstIndex(where: { !$0.isFinite }) {
        throw .value("the gradient at the attention output of layer \(layer) is not finite")
    }
    let norm = norms.reduce(0, +).squareRoot()
    let factor = rho / (norm + 1e-7)
    Threads.forEach(gradients.count) { layer, _ in
        gradients[layer].scale(by: Float(factor))
        norms[layer] = norms[layer].squareRoot() * factor
    }
    return norm
}

/// Fills every layer with independent normal numbers of the given variance.
///
/// - Parameter norms: receives the norm of every layer.
func perturbRandomly(
    _ layers: some LayerMatrices, variance: Double, stream: RandomStream, norms: Numbers
) {
    let deviation = Float(variance.squareRoot())
    Threads.forEach(layers.count) { layer, _ in
        let stream = stream.substream(layer)
        let matrix = layers[layer]
        for row in 0..<matrix.rows {
            var target = matrix.mutable(row)
            for column in target.indices {
                target[column] = deviation * stream.normal(at: row * matrix.columns + column)
            }
        }
    }
    sumSquares(layers, into: norms)
    for layer in norms.indices { norms[layer] = norms[layer].squareRoot() }
}

/// Σ x² of every matrix.
private func sumSquares(_ matrices: some LayerMatrices, into sums: Numbers) {
    Threads.forEach(matrices.count) { index, _ in sums[index] = sumOfSquares(matrices[index]) }
}
