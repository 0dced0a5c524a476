/// A caller's wish to stop, asked for between layers and between tiles of long calls.
public struct Interruption {
    private let poll: () -> Bool

    /// - Parameter poll: returns true to stop. Called on the caller's own thread only.
    public init(_ poll: @escaping () -> Bool) { self.poll = poll }

    /// Never stops.
    public static var none: Interruption { Interruption { false } }

    /// - Throws: `VaccineError.interrupted` when the caller wants to stop.
    public func check() throws(VaccineError) {
        if poll() { throw .interrupted }
    }
}
