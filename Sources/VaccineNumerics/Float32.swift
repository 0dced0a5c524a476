/// A double as float32, where it is finite as one.
///
/// - Parameters:
///   - name: the argument, for the message.
///   - positive: refuse as well what is not above 0 in float32.
/// - Throws: `VaccineError.value` for a number that float32 cannot hold.
package func float32(
    _ value: Double, _ name: String, positive: Bool = false
) throws(VaccineError) -> Float {
    let result = Float(value)
    guard result.isFinite, !positive || result > 0 else {
        let expected = positive ? "positive and finite" : "finite"
        throw .value("\(name) must be \(expected) in float32, got \(value)")
    }
    return result
}
