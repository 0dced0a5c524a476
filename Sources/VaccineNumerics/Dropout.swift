/// Inverted dropout whose mask is a function of (stream, row, column) and is never stored.
///
/// ```
/// y = x ⊙ mask · 1 / P(mask = 1)
/// ```
/// The probability is held in units of 2⁻¹⁶ and the scale is the exact inverse of what is held, so
/// that the expectation of y is x.
/// - SeeAlso: Srivastava et al. 2014, JMLR 15; applied to LoRA's input as in Hu et al. 2021,
///   arXiv:2106.09685.
public struct Dropout: Sendable {
    @usableFromInline let threshold: Int32
    /// 1 / P(keep).
    public let scale: Float
    @usableFromInline let stream: RandomStream

    /// - Parameter probability: of dropping an element, in [0, 0.5].
    public init(probability: Double, stream: RandomStream) {
        precondition((0...0.5).contains(probability), "dropout out of range")
        threshold = Int32((probability * 65536).rounded())
        scale = Float(65536 / (65536 - Double(threshold)))
        self.stream = stream
    }

    /// The factors (0 or `scale`) of the sixteen elements from column `16 · block`.
    @inlinable @inline(__always)
    public func factors(row: RandomStream, block: Int) -> Lanes {
        let kept = ~((row.sixteen(at: block) &- threshold) &>> 31)
        return unsafe unsafeBitCast(
            kept & SIMD16(repeating: Int32(bitPattern: scale.bitPattern)), to: Lanes.self)
    }

    /// The stream of one row, to be handed to `factors`.
    @inlinable public func row(_ row: Int) -> RandomStream { stream.substream(row) }

    /// y[row] = dropout(x[row]).
    public func apply(to x: Span<Float>, row: Int, into y: inout MutableSpan<Float>) {
        let random = self.row(row)
        sweep(x.count) {
            y.setLanes(x.lanes(at: $0) * factors(row: random, block: $0 / 16), at: $0)
        } tail: {
            y.setLanesTail(x.lanesTail(at: $0) * factors(row: random, block: $0 / 16), at: $0)
        }
    }
}
