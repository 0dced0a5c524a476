/// A caller's wish to stop, asked for between layers and between tiles of long calls.
@safe public struct Interruption {
    /// Returns true to stop.
    public typealias Poll = @convention(c) (_ context: UnsafeMutableRawPointer?) -> Bool

    private let poll: Poll?
    private let context: UnsafeMutableRawPointer?

    /// - Parameters:
    ///   - poll: called on the caller's own thread only; nil: never stops.
    ///   - context: handed to `poll`; must outlive this value.
    public init(_ poll: Poll?, context: UnsafeMutableRawPointer?) {
        unsafe self.poll = poll
        unsafe self.context = context
    }

    /// Never stops.
    public static var none: Interruption { unsafe Interruption(nil, context: nil) }

    /// - Throws: `VaccineError.interrupted` when the caller wants to stop.
    public func check() throws(VaccineError) {
        if let poll = unsafe poll, unsafe poll(context) { throw .interrupted }
    }
}
