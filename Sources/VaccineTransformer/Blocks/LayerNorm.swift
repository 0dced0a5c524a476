internal import VaccineNumerics

/// Layer normalisation with weight and bias; of each row its mean and the inverse of its deviation are kept.
struct LayerNorm: Norm {
    let weight: Matrix
    let bias: Matrix
    let epsilon: Float

    var weights: [(ending: String, values: Matrix)] { [("weight", weight), ("bias", bias)] }

    func forward(_ x: Matrix, statistics: Matrix, into y: Matrix) {
        layerNormForward(
            x, weight: weight, bias: bias, epsilon: epsilon, statistics: statistics, into: y)
    }

    func again(_ x: Matrix, statistics: Matrix, into y: Matrix) {
        layerNormAgain(x, weight: weight, bias: bias, statistics: statistics, into: y)
    }

    func backward(_ x: Matrix, statistics: Matrix, dY: Matrix, addingTo dX: Matrix) {
        layerNormBackward(x, weight: weight, statistics: statistics, dY: dY, addingTo: dX)
    }
}

struct LayerNormSettings: NormSettings {
    var epsilon: Float
    let statisticsWidth = 2
    let neutralWeight: Float = 1

    init(_ reader: inout DescriptionReader) { epsilon = Float(reader.real("norm_epsilon")) }

    func check(_ faults: inout Faults) {
        faults.expectPositive("norm_epsilon", Double(epsilon))
    }

    func layOut(width: Int, in arena: Arena) -> any Norm {
        LayerNorm(
            weight: arena.matrix(rows: 1, columns: width),
            bias: arena.matrix(rows: 1, columns: width), epsilon: epsilon)
    }
}

/// Layer normalisation of every row.
///
/// ```
/// y[t, :] = weight ⊙ (x[t, :] − mean[t]) · inverse[t] + bias
/// inverse[t] = 1 / sqrt(mean((x[t, :] − mean[t])²) + ε)
/// ```
/// - Parameters:
///   - x: shape [T, C]. `weight`, `bias`: shape [1, C]. `y`: shape [T, C], overwritten.
///   - statistics: mean and inverse, shape [T, 2], kept for the backward pass.
/// - Complexity: O(T·C).
/// - Numerical note: sums are in 16 lanes, that of squares after the mean was taken off; relative error
///   ≤ (C/16 + 16)·2⁻²⁴ of the row's largest.
/// - SeeAlso: Ba et al. 2016, arXiv:1607.06450, Eq. 4.
func layerNormForward(
    _ x: Matrix, weight: Matrix, bias: Matrix, epsilon: Float, statistics: Matrix, into y: Matrix
) {
    let width = Float(x.columns)
    Threads.forEachRange(of: x.rows) { range in
        for row in range {
            let values = x[row]
            let mean = sum(values) / width
            let squares = squaredDistances(values, from: mean)
            statistics[row, 0] = mean
            statistics[row, 1] = inverseRoot(squares / width + epsilon)
            normalise(values, weight[0], bias[0], statistics[row], into: y, row)
        }
    }
}

/// The rows of y again from x and the kept statistics, so that y need not be stored.
func layerNormAgain(
    _ x: Matrix, weight: Matrix, bias: Matrix, statistics: Matrix, into y: Matrix
) {
    Threads.forEachRange(of: x.rows) { range in
        for row in range {
            normalise(x[row], weight[0], bias[0], statistics[row], into: y, row)
        }
    }
}

/// Adds the gradient of `layerNormForward` with respect to x.
///
/// ```
/// dx += inverse · (d − mean(d) − h · mean(d ⊙ h)),   d = weight ⊙ dy,   h = (x − mean) · inverse
/// ```
/// - Parameters: `dY`: shape [T, C]. `dX`: shape [T, C], added to.
func layerNormBackward(
    _ x: Matrix, weight: Matrix, statistics: Matrix, dY: Matrix, addingTo dX: Matrix
) {
    let width = Float(x.columns)
    Threads.forEachRange(of: x.rows) { range in
        let w = weight[0]
        for row in range {
            let (values, dy) = (x[row], dY[row])
            let (mean, inverse) = (statistics[row, 0], statistics[row, 1])
            var (plain, along) = (Lanes.zero, Lanes.zero)
            sweep(values.count) {
                let d = w.lanes(at: $0) * dy.lanes(at: $0)
                plain += d
                along.addProduct(d, (values.lanes(at: $0) - mean) * inverse)
            } tail: {
                // Beyond the row's end d is 0.
                let d = w.lanesTail(at: $0) * dy.lanesTail(at: $0)
                plain += d
                along.addProduct(d, (values.lanesTail(at: $0) - mean) * inverse)
            }
            let (level, slope) = (plain.sum() / width, along.sum() / width)
            var dx = dX.mutable(row)
            sweep(values.count) {
                let h = (values.lanes(at: $0) - mean) * inverse
                let d = w.lanes(at: $0) * dy.lanes(at: $0)
                dx.setLanes(dx.lanes(at: $0) + (d - level - h * slope) * inverse, at: $0)
            } tail: {
                let h = (values.lanesTail(at: $0) - mean) * inverse
                let d = w.lanesTail(at: $0) * dy.lanesTail(at: $0)
                dx.setLanesTail(dx.lanesTail(at: $0) + (d - level - h * slope) * inverse, at: $0)
            }
        }
    }
}

private func normalise(
    _ x: Span<Float>, _ weight: Span<Float>, _ bias: Span<Float>, _ statistics: Span<Float>,
    into y: Matrix, _ row: Int
) {
    let (mean, inverse) = (statistics[0], statistics[1])
    var target = y.mutable(row)
    sweep(x.count) {
        let h = (x.lanes(at: $0) - mean) * inverse
        target.setLanes(h * weight.lanes(at: $0) + bias.lanes(at: $0), at: $0)
    } tail: {
        let h = (x.lanesTail(at: $0) - mean) * inverse
        target.setLanesTail(h * weight.lanesTail(at: $0) + bias.lanesTail(at: $0), at: $0)
    }
}

private func sum(_ x: Span<Float>) -> Float {
    var sums = Lanes.zero
    sweep(x.count) {
        sums += x.lanes(at: $0)
    } tail: {
        sums += x.lanesTail(at: $0)
    }
    return sums.sum()
}

private func squaredDistances(_ x: Span<Float>, from mean: Float) -> Float {
    var sums = Lanes.zero
    sweep(x.count) {
        let distance = x.lanes(at: $0) - mean
        sums.addProduct(distance, distance)
    } tail: { start in
        for index in start..<x.count {
            sums[index - start] += (x[index] - mean) * (x[index] - mean)
        }
    }
    return sums.sum()
}
