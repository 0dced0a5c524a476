internal import VaccineNumerics

/// A bound on scores that keeps their order.
///
/// ```
/// y = bound · tanh(x / bound)
/// ```
/// - SeeAlso: Bello et al. 2016, arXiv:1611.09940, section 4; Gemma Team 2024, arXiv:2408.00118, section 2.
struct SoftCap: Sendable {
    let bound: Float

    /// - Returns: nil where the description has no such key.
    init?(_ reader: inout DescriptionReader, _ key: String) {
        guard reader.has(key) else { return nil }
        bound = Float(reader.real(key))
    }

    init(bound: Float) { self.bound = bound }

    func check(_ key: String, _ faults: inout Faults) {
        faults.expectPositive(key, Double(bound))
    }

    /// row = cap(scale · row).
    func apply(to row: inout MutableSpan<Float>, scale: Float = 1) {
        sweep(row.count) {
            row.setLanes(value(row.lanes(at: $0) * scale), at: $0)
        } tail: {
            row.setLanesTail(value(row.lanesTail(at: $0) * scale), at: $0)
        }
    }

    /// Caps every element.
    func apply(to scores: Matrix) {
        Threads.forEachRange(of: scores.rows) { range in
            for row in range {
                var values = scores.mutable(row)
                apply(to: &values)
            }
        }
    }

    /// - Parameters:
    ///   - capped: y.
    ///   - dX: overwritten with dy ⊙ dy/dx; may be the memory of either.
    func backward(_ capped: Matrix, dY: Matrix, into dX: Matrix) {
        Threads.forEachRange(of: dX.rows) { range in
            for row in range {
                let (y, dy) = (capped[row], dY[row])
                var target = dX.mutable(row)
                sweep(y.count) {
                    target.setLanes(dy.lanes(at: $0) * slope(atOutput: y.lanes(at: $0)), at: $0)
                } tail: {
                    target.setLanesTail(
                        dy.lanesTail(at: $0) * slope(atOutput: y.lanesTail(at: $0)), at: $0)
                }
            }
        }
    }

    @inline(__always)
    private func value(_ x: Lanes) -> Lanes { (x / bound).hyperbolicTangent() * bound }

    /// dy/dx from y.
    @inline(__always)
    func slope(atOutput y: Lanes) -> Lanes {
        let t = y / bound
        return 1 - t * t
    }
}
