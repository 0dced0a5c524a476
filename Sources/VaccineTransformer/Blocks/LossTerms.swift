package import VaccineNumerics

/// What a loss has beside the plain mean of the rows' cross-entropies.
///
/// ```
/// loss = 1/S Σ_s (w_s · CE(logits[s], target[s]) + λ · KL(reference[s] ‖ softmax(logits[s])))
/// ```
package struct LossTerms {
    /// w, one for each supervised row; nil: 1.
    let weights: [Float]?
    /// Log-probabilities, shape [S, V]; nil: no second term.
    let reference: Matrix?
    /// λ.
    let referenceWeight: Float

    /// - Throws: `VaccineError.value` for another number of weights or another shape of the reference, and for
    ///   numbers that are not finite or no log-probabilities.
    package init(
        weights: [Float]?, reference: Matrix?, referenceWeight: Double, rows: Int,
        vocabularySize: Int
    ) throws(VaccineError) {
        if let weights {
            guard weights.count == rows, weights.allSatisfy(\.isFinite) else {
                throw .value("weights must be finite, one for each token")
            }
        }
        if let reference {
            guard reference.rows == rows, reference.columns == vocabularySize else {
                throw .value(
                    "reference must be [\(rows), \(vocabularySize)], a row for each supervised "
                        + "token, got \(counted(reference.count, "number"))")
            }
            for row in 0..<rows {
                for column in 0..<vocabularySize {
                    let value = reference[row, column]
                    guard value.isFinite, value <= 1e-3 else {
                        throw .value(
                            "reference: the element at [\(row), \(column)] must be a "
                                + "log-probability, got \(value)")
                    }
                }
            }
        }
        self.weights = weights
        self.reference = reference
        self.referenceWeight = try float32(referenceWeight, "reference_weight")
    }
}

/// The terms' loss of rows of logits, and its gradient in their place.
///
/// - Parameters:
///   - rows: the places of these rows among all supervised ones.
///   - gradientScale: multiplies the gradient.
///   - losses: as many places, overwritten.
/// - Complexity: O(S·V) exponentials, twice as many with a reference.
func weightedLoss(
    _ logits: Matrix, targets: ArraySlice<Int32>, terms: LossTerms, rows: Range<Int>,
    gradientScale: Float, losses: Matrix
) {
    Threads.forEachRange(of: logits.rows) { range in
        for row in range {
            let place = rows.lowerBound + row
            let target = Int(targets[targets.startIndex + row])
            let weight = terms.weights?[place] ?? 1
            let lambda = terms.reference == nil ? 0 : terms.referenceWeight
            var z = logits.mutable(row)
            let maximum = largest(z.span, among: z.count)
            var (sum, mass, divergence) = (0.0, 0.0, 0.0)
            for index in z.indices {
                z[index] -= maximum
                sum += exponential(Double(z[index]))
                guard let reference = terms.reference else { continue }
                let share = exponential(Double(reference[place, index]))
                mass += share
                divergence += share * Double(reference[place, index] - z[index])
            }
            let logSum = logarithm(Float(sum))
            let own = weight * (logSum - z[target])
            losses[row, 0] = own + lambda * Float(divergence + mass * Double(logSum))
            let total = Double(weight + lambda * Float(mass)) / sum
            for index in z.indices {
                var slope = total * exponential(Double(z[index]))
                if let reference = terms.reference {
                    slope -= Double(lambda) * exponential(Double(reference[place, index]))
                }
                z[index] = gradientScale * Float(slope)
            }
            z[target] -= gradientScale * weight
        }
    }
}
