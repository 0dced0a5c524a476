internal import VaccineNumerics

/// Softmax over the first `visible` scores of a row times a positive scale; the rest become 0.
///
/// - Returns: log Σ exp(scale · score), from which the row can be had again.
func softmax(_ row: inout MutableSpan<Float>, visible: Int, scale: Float) -> Float {
    let maximum = scale * largest(row.span, among: visible)
    exponentiate(&row, visible: visible, scale: scale, minus: maximum)
    var sums = Lanes.zero
    sweep(row.count) {
        sums += row.lanes(at: $0)
    } tail: {
        sums += row.lanesTail(at: $0)
    }
    let sum = sums.sum()
    let inverse = 1 / sum
    for index in 0..<visible { row[index] *= inverse }
    return maximum + logarithm(sum)
}

/// Turns a row of scores into P and a row of dP into dS, without a cap. The sum is of the dP that there is: where products
/// round, dS still adds up to 0, which dO ⊙ O would miss by what dP was rounded by.
func softmaxBackward(
    _ row: inout MutableSpan<Float>, _ gradient: inout MutableSpan<Float>, visible: Int,
    scale: Float, logSum: Float
) {
    exponentiate(&row, visible: visible, scale: scale, minus: logSum)
    let along = dot(row.span, gradient.span)
    for index in row.indices { gradient[index] = row[index] * (gradient[index] - along) * scale }
}

/// As `softmaxBackward`, of scores that were scaled and capped.
func cappedSoftmaxBackward(
    _ row: inout MutableSpan<Float>, _ gradient: inout MutableSpan<Float>, visible: Int,
    _ cap: SoftCap, scale: Float, logSum: Float
) {
    for index in visible..<row.count { gradient[index] = 0 }
    var sums = Lanes.zero
    sweep(row.count) {
        sums.addProduct((row.lanes(at: $0) - logSum).exponential(), gradient.lanes(at: $0))
    } tail: {
        sums.addProduct((row.lanesTail(at: $0) - logSum).exponential(), gradient.lanesTail(at: $0))
    }
    let along = sums.sum()
    @inline(__always) func turned(_ capped: Lanes, _ dP: Lanes) -> (p: Lanes, dS: Lanes) {
        let p = (capped - logSum).exponential()
        return (p, p * (dP - along) * cap.slope(atOutput: capped) * scale)
    }
    sweep(row.count) {
        let (p, dS) = turned(row.lanes(at: $0), gradient.lanes(at: $0))
        row.setLanes(p, at: $0)
        gradient.setLanes(dS, at: $0)
    } tail: {
        let (p, dS) = turned(row.lanesTail(at: $0), gradient.lanesTail(at: $0))
        row.setLanesTail(p, at: $0)
        gradient.setLanesTail(dS, at: $0)
    }
    for index in visible..<row.count { (row[index], gradient[index]) = (0, 0) }
}

/// row = exp(scale · row − shift) in the first `visible` places, 0 in the others.
private func exponentiate(
    _ row: inout MutableSpan<Float>, visible: Int, scale: Float, minus shift: Float
) {
    sweep(row.count) {
        row.setLanes((row.lanes(at: $0) * scale - shift).exponential(), at: $0)
    } tail: {
        row.setLanesTail((row.lanesTail(at: $0) * scale - shift).exponential(), at: $0)
    }
    for index in visible..<row.count { row[index] = 0 }
}
