/// What can go wrong with a caller's data. Each message names the argument or the tensor, what was
/// expected and what came; the boundary turns the case into a status code.
public enum VaccineError: Error, Equatable {
    /// A shape, a range, a configuration or a non-finite number.
    case value(String)
    /// A value of another type than expected.
    case type(String)
    /// More memory than there is, found out before allocating.
    case memory(String)
    /// The call does not fit the object's present state.
    case state(String)
    /// The caller asked to stop.
    case interrupted
}
