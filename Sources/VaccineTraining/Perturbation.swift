package import VaccineNumerics
package import VaccineTransformer

/// What a pass adds to the attention outputs.
package enum Perturbation: Sendable {
    case none
    /// ε_l = g_l · ρ / (‖g‖₂ + 1e-7), with g from a pass of its own: what raises the loss most, to first
    /// order. Only the chosen layers are moved (nil: all), and the norm is that over `norm`.
    case worst(rho: Double, layers: [Int]? = nil, norm: NormScope = .chosen)
    /// Independent normal numbers of this variance on every element of the chosen layers (nil: all).
    case gaussian(variance: Double, layers: [Int]? = nil)
    /// These values, [L·T, C] layer after layer, of all tokens that were given.
    case given(Matrix)
    /// ε_l = factor · g_l, with the g_l that the last `attentionGradients` of the same batch left; of the chosen
    /// layers (nil: all).
    case scaled(factor: Double, layers: [Int]? = nil)
}

/// Over which layers the norm in `Perturbation.worst` runs.
package enum NormScope: Sendable {
    /// Those that are perturbed, so that ρ is the norm of the whole perturbation.
    case chosen
    /// All of the model, so that the chosen ones get what they would among all.
    case all
}

extension Perturbation {
    var isNone: Bool {
        if case .none = self { return true }
        return false
    }

    /// - Throws: `VaccineError.value` for a number or a layer out of range.
    func validate(layerCount: Int, tokens: Int, hiddenSize: Int) throws(VaccineError) {
        func check(
            _ value: Double, _ name: String, _ layers: [Int]?
        ) throws(VaccineError) {
            guard value >= 0, value.isFinite else {
                throw .value("\(name) must be finite and at least 0, got \(value)")
            }
            guard let layers else { return }
            guard !layers.isEmpty, layers.allSatisfy((0..<layerCount).contains),
                zip(layers, layers.dropFirst()).allSatisfy({ $0 < $1 })
            else {
                throw .value("layers must rise strictly within \(0..<layerCount), got \(layers)")
            }
        }
        switch self {
        case .none: return
        case .worst(let rho, let layers, _):
            try check(rho, "rho", layers)
            _ = try float32(rho / 1e-7, "rho / 1e-7")
        case .gaussian(let variance, let layers):
            try check(variance, "variance", layers)
            _ = try float32(variance.squareRoot(), "√variance")
        case .scaled(let factor, let layers):
            try check(factor, "factor", layers)
            _ = try float32(factor, "factor")
        case .given(let values):
            guard values.rows == layerCount * tokens, values.columns == hiddenSize else {
                throw .value(
                    "values must be [\(layerCount), \(tokens), \(hiddenSize)], got "
                        + counted(values.count, "number"))
            }
            if let place = values.firstNonFinite() {
                throw .value(
                    "values: the element of layer \(place.row / tokens), token "
                        + "\(place.row % tokens) and channel \(place.column) is not finite")
            }
        }
    }
}

/// The perturbation that raises the loss most, to first order, inside an L2 ball.
///
/// ```
/// ε_l = g_l · ρ / (‖(g_1 … g_L)‖₂ + 1e-7)
/// ```
/// One norm over all layers, in double precision.
/// - Parameters:
///   - gradients: L matrices g_l, each replaced by ε_l.
///   - rho: ρ ≥ 0, the total norm of ε.
///   - layers: those that are perturbed; the others become 0. nil: all.
///   - scope: the layers whose norm is taken.
///   - norms: receives ‖ε_l‖₂ of every layer.
/// - Returns: the norm of the gradients in the scope together.
/// - Throws: `VaccineError.value` that names the first layer with a non-finite gradient.
/// - SeeAlso: arXiv:2402.01109, Eq. 5; over some layers: arXiv:2410.09760.
package func perturb(
    _ gradients: some LayerMatrices, rho: Double, layers: [Int]? = nil,
    scope: NormScope = .chosen, norms: Numbers
) throws(VaccineError) -> Double {
    try squaredNorms(gradients, into: norms)
    if let layers, scope == .chosen { keep(layers, of: gradients, norms) }
    let norm = norms.reduce(0, +).squareRoot()
    if let layers, scope == .all { keep(layers, of: gradients, norms) }
    scale(gradients, by: rho / (norm + 1e-7), norms: norms)
    return norm
}

/// g_l ← factor · g_l of the chosen layers (nil: all); the others become 0.
///
/// - Parameter norms: receives the norm of every layer.
func perturb(
    _ gradients: some LayerMatrices, factor: Double, layers: [Int]?, norms: Numbers
) {
    sumSquares(gradients, into: norms)
    if let layers { keep(layers, of: gradients, norms) }
    scale(gradients, by: factor, norms: norms)
}

/// Multiplies by a factor, and turns squared norms into those of the products.
private func scale(_ matrices: some LayerMatrices, by factor: Double, norms: Numbers) {
    Threads.forEach(matrices.count) { layer, _ in
        matrices[layer].scale(by: Float(factor))
        norms[layer] = norms[layer].squareRoot() * factor
    }
}

/// Fills the chosen layers with independent normal numbers of the given variance, others with 0.
///
/// - Parameters: `firstRow`: the row of the stream's numbers that belongs to row 0. `norms`: receives the norm of
///   every layer.
func perturbRandomly(
    _ states: some LayerMatrices, variance: Double, layers: [Int]?, stream: RandomStream,
    firstRow: Int = 0, norms: Numbers
) {
    let deviation = Float(variance.squareRoot())
    Threads.forEach(states.count) { layer, _ in
        let stream = stream.substream(layer)
        let matrix = states[layer]
        for row in 0..<matrix.rows {
            var target = matrix.mutable(row)
            for column in target.indices {
                target[column] =
                    deviation * stream.normal(at: (firstRow + row) * matrix.columns + column)
            }
        }
    }
    if let layers { keep(layers, of: states, norms) }
    takeNorms(states, into: norms)
}

/// Takes the rows of the tokens that are computed out of values for all that were given.
///
/// - Parameters: `places`: of those tokens. `norms`: receives the norm of every layer.
func perturb(
    _ states: some LayerMatrices, with values: Matrix, places: [Int], norms: Numbers
) {
    let given = values.rows / states.count
    Threads.forEach(states.count) { layer, _ in
        for (row, place) in places.enumerated() {
            let source = layer * given + place
            states[layer].rows(row..<row + 1).copy(from: values.rows(source..<source + 1))
        }
    }
    takeNorms(states, into: norms)
}

/// Σ x² of every matrix.
///
/// - Throws: `VaccineError.value` that names the first that is not finite, as a layer's gradient.
func squaredNorms(
    _ matrices: some LayerMatrices, into sums: Numbers
) throws(VaccineError) {
    sumSquares(matrices, into: sums)
    if let layer = sums.firstIndex(where: { !$0.isFinite }) {
        throw .value("the gradient at the attention output of layer \(layer) is not finite")
    }
}

private func sumSquares(_ matrices: some LayerMatrices, into sums: Numbers) {
    Threads.forEach(matrices.count) { index, _ in sums[index] = sumOfSquares(matrices[index]) }
}

private func takeNorms(_ matrices: some LayerMatrices, into norms: Numbers) {
    sumSquares(matrices, into: norms)
    for layer in norms.indices { norms[layer] = norms[layer].squareRoot() }
}

/// Sets all layers but the chosen ones to 0.
private func keep(_ chosen: [Int], of states: some LayerMatrices, _ sums: Numbers) {
    for layer in states.indices where !chosen.contains(layer) {
        states[layer].fill(0)
        sums[layer] = 0
    }
}
