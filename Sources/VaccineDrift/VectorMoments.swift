/// First moments of paired rows x, y with δ = y − x, and the variances of x's dimensions: what can be kept in
/// O(width). Additive like `PairedMoments`.
struct VectorMoments {
    let width: Int
    var count = 0.0
    /// Σ|δ|².
    var squaredDistance = 0.0
    var mean: [Double]
    /// Σ(x − mean)² of every dimension.
    var squares: [Double]
    var meanDelta: [Double]

    init(width: Int) {
        self.width = width
        let zeros = [Double](repeating: 0, count: width)
        (mean, squares, meanDelta) = (zeros, zeros, zeros)
    }

    mutating func merge(_ other: VectorMoments) {
        precondition(width == other.width, "widths differ")
        guard other.count > 0 else { return }
        let total = count + other.count
        let share = other.count / total
        for i in 0..<width {
            let step = other.mean[i] - mean[i]
            squares[i] += other.squares[i] + step * step * count * share
            mean[i] += step * share
            meanDelta[i] += (other.meanDelta[i] - meanDelta[i]) * share
        }
        squaredDistance += other.squaredDistance
        count = total
    }

    /// |mean δ|.
    func meanShift() throws(Undefined) -> Double {
        guard count >= 1 else { throw .fewRows }
        return dot(meanDelta, meanDelta).squareRoot()
    }

    /// √Σ (mean δ)² / variance of x: the Mahalanobis distance with a diagonal covariance. Dimensions in
    /// which x does not vary are left out.
    func mahalanobis() throws(Undefined) -> Double {
        guard count >= 2 else { throw .fewRows }
        var sum = 0.0
        var varying = false
        for i in 0..<width where squares[i] > 0 {
            varying = true
            sum += meanDelta[i] * meanDelta[i] / (squares[i] / (count - 1))
        }
        guard varying else { throw .noVariance }
        return sum.squareRoot()
    }

    /// n |mean δ|² / Σ|δ|².
    func translationShare() throws(Undefined) -> Double {
        guard squaredDistance > 0 else { throw .noVariance }
        return min(1, count * dot(meanDelta, meanDelta) / squaredDistance)
    }
}

extension VectorMoments {
    /// Numbers of a state of this width.
    static func stateCount(width: Int) -> Int { 2 + 3 * width }

    var state: [Double] { [count, squaredDistance] + mean + squares + meanDelta }

    /// - Parameter place: of `stateCount` numbers.
    func write(to place: UnsafeMutablePointer<Double>) {
        unsafe place[0] = count
        unsafe place[1] = squaredDistance
        unsafe (place + 2).update(from: mean, count: width)
        unsafe (place + 2 + width).update(from: squares, count: width)
        unsafe (place + 2 + 2 * width).update(from: meanDelta, count: width)
    }

    init(state: ArraySlice<Double>, width: Int) {
        precondition(state.count == VectorMoments.stateCount(width: width), "counts differ")
        self.init(width: width)
        let start = state.startIndex
        (count, squaredDistance) = (state[start], state[start + 1])
        mean = Array(state[start + 2..<start + 2 + width])
        squares = Array(state[start + 2 + width..<start + 2 + 2 * width])
        meanDelta = Array(state[start + 2 + 2 * width..<start + 2 + 3 * width])
    }
}
