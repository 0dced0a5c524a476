package import VaccineNumerics
internal import VaccineTransformer

/// What one gradient computation is asked to do.
package struct StepOptions: Sendable {
    package var method: Method
    /// Multiplies the gradient before it is accumulated.
    package var weight: Double
    /// Dropout masks and random perturbations are a function of (seed, stream).
    package var seed: UInt64
    package var stream: UInt64

    package init(method: Method, weight: Double = 1, seed: UInt64 = 0, stream: UInt64 = 0) {
        self.method = method
        self.weight = weight
        self.seed = seed
        self.stream = stream
    }
}

/// What came of it.
package struct StepReport: Sendable {
    /// The loss whose gradient was taken.
    package var loss: Double
    /// The loss of the first, unperturbed pass; NaN where there was none.
    package var cleanLoss: Double
    /// ‖ε_l‖₂ of every layer, until the next step of the same model.
    package let perturbationNorms: Numbers
    /// ‖(g_1 … g_L)‖₂ of the first pass; 0 where there was none.
    package var attentionGradientNorm: Double
    /// L2 norm of the adapter gradients accumulated so far.
    package var gradientNorm: Double
}

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

extension StepOptions {
    func validate() throws(VaccineError) {
        switch method {
        case .sft: break
        case .vaccine(let rho):
            guard rho >= 0, rho.isFinite else {
                throw .value("rho must be finite and at least 0, got \(rho)")
            }
            _ = try float32(rho / 1e-7, "rho / 1e-7")
        case .random(let variance):
            guard variance >= 0, variance.isFinite else {
                throw .value("variance must be finite and at least 0, got \(variance)")
            }
            _ = try float32(variance.squareRoot(), "√variance")
        }
        _ = try float32(weight, "weight")
    }
}
