/// The sums of a prompt's rows in one layer, or of many prompts: the only place that knows their order.
struct PromptSums {
    /// Numbers of one row of a table.
    static let count = 7

    let rows: Double
    /// Σ|δ|², Σ|x|², Σ|y|².
    let (squaredDistance, squaredReference, squaredCurrent): (Double, Double, Double)
    /// Σ x·y, Σ|δ|, Σ cos(x, y).
    let (products, distances, cosines): (Double, Double, Double)

    init(_ values: ArraySlice<Double>) {
        precondition(values.count == PromptSums.count, "counts differ")
        func value(_ place: Int) -> Double { values[values.startIndex + place] }
        rows = value(0)
        (squaredDistance, squaredReference, squaredCurrent) = (value(1), value(2), value(3))
        (products, distances, cosines) = (value(4), value(5), value(6))
    }

    /// √(Σ|δ|² / Σ|x|²).
    var relativeDrift: Double {
        squaredReference > 0 ? (squaredDistance / squaredReference).squareRoot() : .nan
    }

    /// √(Σ|δ|² / (N · d)): the root mean square change of an element.
    func rms(width: Int) -> Double { (squaredDistance / (rows * Double(width))).squareRoot() }

    /// Σ|δ| / N.
    var meanDistance: Double { distances / rows }

    /// Σ cos(x, y) / N.
    var meanCosine: Double { cosines / rows }

    /// √Σ|δ|².
    var norm: Double { squaredDistance.squareRoot() }
}
