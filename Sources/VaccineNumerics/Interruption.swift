/// Cuts `0..<count` into blocks after each of which a caller is asked whether to stop: a quarter of a
/// second or so on a slow core.
///
/// - Parameters:
///   - work: multiply-adds, or what costs as much, of one of them.
///   - budget: multiply-adds of a block; a block has one index at least.
public func blocks(of count: Int, work: Int, budget: Int = 1 << 33) -> [Range<Int>] {
    let size = max(1, budget / max(1, work))
    return stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
}

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
