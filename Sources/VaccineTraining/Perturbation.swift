package import VaccineNumerics

/// The perturbation that raises the loss most, to first order, inside an L2 ball.
///
/// ```
/// ε_l = g_l · ρ / (‖(g_1 … g_L)‖₂ + 1e-7)
/// ```
/// One norm over all layers, in double precision.
/// - Parameters:
///   - gradients: L matrices g_l, each replaced by ε_l.
///   - rho: ρ ≥ 0, the total norm of ε.
/// - Returns: the norm of all gradients together, and of every ε_l.
/// - Throws: `VaccineError.value` that names the first layer with a non-finite gradient.
/// - SeeAlso: arXiv:2402.01109, Eq. 5.
package func perturb(
    _ gradients: [Matrix], rho: Double
) throws(VaccineError) -> (gradientNorm: Double, perturbationNorms: [Double]) {
    let squares = squaredNorms(gradients)
    if let layer = squares.firstIndex(where: { !$0.isFinite }) {
        throw .value("the gradient at the attention output of layer \(layer) is not finite")
    }
    let norm = squares.reduce(0, +).squareRoot()
    let factor = rho / (norm + 1e-7)
    Threads.forEach(gradients.count) { layer, _ in gradients[layer].scale(by: Float(factor)) }
    return (norm, squares.map { $0.squareRoot() * factor })
}

/// Fills every layer with independent normal numbers of the given variance.
///
/// - Returns: the norm of every layer.
func perturbRandomly(_ layers: [Matrix], variance: Double, stream: RandomStream) -> [Double] {
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
    return squaredNorms(layers).map { $0.squareRoot() }
}

/// Σ x² of every matrix.
func squaredNorms(_ matrices: [Matrix]) -> [Double] {
    Threads.map(matrices.count) { sumOfSquares(matrices[$0]) }
}
