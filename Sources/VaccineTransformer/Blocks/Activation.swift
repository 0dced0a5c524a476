internal import VaccineNumerics

/// What lies between the two products of a feed-forward block, element by element.
///
/// The first product's output, `inner`, is [T, n·F] for n modules side by side. Layers may keep it as float16
/// numbers and share one float matrix, from which a backward pass then reads row by row.
protocol Activation: Sendable {
    /// The model's words for the modules of the first product, in their order in `inner`.
    var modules: [String] { get }
    /// - Parameters: `halves`: overwritten with `inner`; nil: nothing is kept. `y`: shape [T, F], overwritten.
    func forward(_ inner: Matrix, halves: HalfMatrix?, into y: Matrix)
    /// y once more from what `forward` kept.
    ///
    /// - Parameter places: for a row of each worker.
    func again(_ halves: HalfMatrix, places: [Matrix], into y: Matrix)
    /// - Parameters: `inner`: overwritten with its gradient. `halves`: what `forward` kept; nil: `inner` still
    ///   holds its values.
    func backward(_ inner: Matrix, halves: HalfMatrix?, dY: Matrix)
}
