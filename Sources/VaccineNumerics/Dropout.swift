internal import CKernels

/// Inverted dropout whose mask is a function of (stream, row, column) and is never stored.
///
/// ```
/// y = x ⊙ mask · 1 / P(mask = 1)
/// ```
/// The probability is held in units of 2⁻¹⁶ and the scale is the exact inverse of what is held, so
/// that the expectation of y is x. Elements 16·b … 16·b + 15 of a row take the sixteen 16-bit parts of
/// four words of the row's stream: first the low halves of their eight 32-bit words, then the high ones.
/// - SeeAlso: Srivastava et al. 2014, JMLR 15; applied to LoRA's input as in Hu et al. 2021,
///   arXiv:2106.09685.
public struct Dropout: Sendable {
    /// Elements whose sixteen bits are below this are dropped.
    public let threshold: Int32
    /// 1 / P(keep).
    public let scale: Float
    let stream: RandomStream
    let origin: Int

    /// - Parameters:
    ///   - probability: of dropping an element, in [0, 0.5].
    ///   - origin: the row of the stream's numbers that is the mask's row 0.
    public init(probability: Double, stream: RandomStream, origin: Int = 0) {
        precondition((0...0.5).contains(probability), "dropout out of range")
        threshold = Int32((probability * 65536).rounded())
        scale = Float(65536 / (65536 - Double(threshold)))
        self.stream = stream
        self.origin = origin
    }

    /// y = dropout(x), on the calling thread.
    ///
    /// - Parameters:
    ///   - firstRow: the mask's row that belongs to row 0 of x.
    ///   - y: of x's shape, overwritten.
    public func apply(to x: Matrix, firstRow: Int, into y: Matrix) {
        precondition(x.hasShape(of: y), "shapes differ")
        unsafe vaccine_dropout(x.forC, forC, firstRow, y.forC)
    }

    var forC: VaccineDropout {
        VaccineDropout(key: stream.key, threshold: threshold, scale: scale, origin: origin)
    }
}
