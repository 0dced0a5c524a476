internal import VaccineNumerics

/// Settings of a kind of norm, as a description has them.
protocol NormSettings: Sendable {
    init(_ reader: inout DescriptionReader)
    func check(_ faults: inout Faults)
    /// Numbers that a forward pass keeps of every row.
    var statisticsWidth: Int { get }
    /// The weights that change nothing.
    var neutralWeight: Float { get }
    func layOut(width: Int, in arena: Arena) -> any Norm
}

/// A normalisation of every row with frozen weights.
///
/// What it keeps of a row is a row of `statistics`, [T, `statisticsWidth`]; its output is not kept but made again.
protocol Norm: Sendable {
    /// Its weights [1, C], by what their tensors' names end in.
    var weights: [(ending: String, values: Matrix)] { get }
    /// - Parameters: `x`: shape [T, C]. `statistics`: overwritten. `y`: shape [T, C], overwritten.
    func forward(_ x: Matrix, statistics: Matrix, into y: Matrix)
    /// y once more.
    func again(_ x: Matrix, statistics: Matrix, into y: Matrix)
    /// - Parameter dX: ∂/∂x is added to it.
    func backward(_ x: Matrix, statistics: Matrix, dY: Matrix, addingTo dX: Matrix)
}

/// 1 / √x; of an x that overflowed NaN and not 0, which would make a row too large to square a row of zeros.
func inverseRoot(_ x: Float) -> Float { 1 / x.squareRoot() + (x - x) }
