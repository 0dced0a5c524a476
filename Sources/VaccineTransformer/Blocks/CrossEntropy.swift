internal import VaccineNumerics

/// Cross-entropy of one row of logits, by the sums of that of rows.
///
/// - Returns: log Σ_v exp(z[v]) − z[target].
func crossEntropy(_ z: Span<Float>, target: Int) -> Float {
    let maximum = largest(z, among: z.count)
    var sums = Lanes.zero
    sweep(z.count) {
        sums += (z.lanes(at: $0) - maximum).exponential()
    } tail: {
        let e = (z.lanesTail(at: $0) - maximum).exponential()
        for lane in 0..<(z.count - $0) { sums[lane] += e[lane] }
    }
    return logarithm(sums.sum()) - (z[target] - maximum)
}

/// Cross-entropy of rows of logits, and its gradient in their place.
///
/// ```
/// loss[s] = log Σ_v exp(z[s, v]) − z[s, target],   z ← scale · (softmax(z) − onehot(target))
/// ```
/// - Parameters:
///   - logits: shape [S, V]; overwritten with the gradient.
///   - targets: S token ids. `losses`: S places, from `offset`, overwritten.
/// - Complexity: O(S·V) exponentials.
/// - Numerical note: the row maximum is subtracted; sums run in 16 lanes.
func crossEntropy(
    _ logits: Matrix, targets: ArraySlice<Int32>, gradientScale: Float, losses: Matrix
) {
    Threads.forEachRange(of: logits.rows) { range in
        for row in range {
            let target = Int(targets[targets.startIndex + row])
            var z = logits.mutable(row)
            let maximum = largest(z.span, among: z.count)
            let chosen = z[target] - maximum
            var sums = Lanes.zero
            sweep(z.count) {
                let e = (z.lanes(at: $0) - maximum).exponential()
                sums += e
                z.setLanes(e, at: $0)
            } tail: {
                let e = (z.lanesTail(at: $0) - maximum).exponential()
                for lane in 0..<(z.count - $0) { sums[lane] += e[lane] }
                z.setLanesTail(e, at: $0)
            }
            let sum = sums.sum()
            losses[row, 0] = logarithm(sum) - chosen
            let factor = gradientScale / sum
            sweep(z.count) {
                z.setLanes(z.lanes(at: $0) * factor, at: $0)
            } tail: {
                z.setLanesTail(z.lanesTail(at: $0) * factor, at: $0)
            }
            z[target] -= gradientScale
        }
    }
}

/// The largest of the first `count` elements.
func largest(_ row: Span<Float>, among count: Int) -> Float {
    var lanes = Lanes(repeating: -.greatestFiniteMagnitude)
    var maximum = -Float.infinity
    sweep(count) {
        lanes = lanes.larger(of: row.lanes(at: $0))
    } tail: {
        for index in $0..<count { maximum = max(maximum, row[index]) }
    }
    return max(maximum, lanes.max())
}

/// Whether every element is a finite number.
func allFinite(_ row: Span<Float>) -> Bool {
    var lanes = Lanes.zero
    var rest: Float = 0
    sweep(row.count) {
        let x = row.lanes(at: $0)
        lanes += x - x
    } tail: {
        for index in $0..<row.count { rest += row[index] - row[index] }
    }
    return lanes.sum() + rest == 0
}
