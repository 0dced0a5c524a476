/// Cuts `0..<count` into blocks after each of which a caller is asked whether to stop: a quarter of a
/// second or so on a slow core.
///
/// - Parameters:
///   - work: multiply-adds, or what costs as much, of one of them.
///   - budget: multiply-adds of a block; a block has one index at least.
public func blocks(
    of count: Int, work: Int, budget: Int = 1 << 33
) -> some Sequence<Range<Int>> {
    let size = max(1, budget / max(1, work))
    return stride(from: 0, to: count, by: size).lazy.map { $0..<min($0 + size, count) }
}

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
