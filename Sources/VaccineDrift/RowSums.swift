/// The sums of `PairedMoments` that are not products.
struct RowSums: Sendable {
    var count = 0.0
    var (aa, bb, ab) = (0.0, 0.0, 0.0)
    var ax: [Double]
    var ay: [Double]
    var bx: [Double]
    var by: [Double]

    init(width: Int) {
        let zeros = [Double](repeating: 0, count: width)
        (ax, ay, bx, by) = (zeros, zeros, zeros, zeros)
    }

    /// Adds a centred row of both sides, the `ax.count` values from `start`.
    mutating func add(_ x: [Double], _ y: [Double], from start: Int) {
        let (a, b) = (squaredNorm(x, start, ax.count), squaredNorm(y, start, ax.count))
        count += 1
        (aa, bb, ab) = (aa + a * a, bb + b * b, ab + a * b)
        addScaled(a, x, start, to: &ax)
        addScaled(a, y, start, to: &ay)
        addScaled(b, x, start, to: &bx)
        addScaled(b, y, start, to: &by)
    }

    mutating func add(_ other: RowSums) {
        count += other.count
        (aa, bb, ab) = (aa + other.aa, bb + other.bb, ab + other.ab)
        addScaled(1, other.ax, 0, to: &ax)
        addScaled(1, other.ay, 0, to: &ay)
        addScaled(1, other.bx, 0, to: &bx)
        addScaled(1, other.by, 0, to: &by)
    }
}

/// target += factor · the values from `start`.
private func addScaled(
    _ factor: Double, _ values: [Double], _ start: Int, to target: inout [Double]
) {
    var target = target.mutableSpan
    let values = values.span
    for index in target.indices { target[index] += factor * values[start + index] }
}

/// Σ v² of the values from `start`, in eight partial sums.
private func squaredNorm(_ values: [Double], _ start: Int, _ count: Int) -> Double {
    let values = values.span
    var sums = SIMD8<Double>.zero
    var index = 0
    while index + 8 <= count {
        var eight = SIMD8<Double>.zero
        for lane in 0..<8 { eight[lane] = values[start + index + lane] }
        sums += eight * eight
        index += 8
    }
    var sum = sums.sum()
    while index < count {
        sum += values[start + index] * values[start + index]
        index += 1
    }
    return sum
}
