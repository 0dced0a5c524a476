internal import VaccineNumerics
internal import VaccineTransformer

extension Decoder {
    /// L2 norm of all adapter gradients, in double precision.
    ///
    /// - Throws: `VaccineError.value` that names the first gradient which is not finite.
    func gradientNorm() throws(VaccineError) -> Double {
        var sum = 0.0
        for tensor in tensors(.gradient) {
            let squares = sumOfSquares(tensor.matrix)
            guard squares.isFinite else {
                throw .value("the gradient of \(tensor.name) is not finite")
            }
            sum += squares
        }
        return sum.squareRoot()
    }
}
