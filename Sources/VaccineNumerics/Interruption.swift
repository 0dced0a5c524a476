/// `0..<count`, cut into blocks of one size; the last may be shorter.
public struct Blocks: Sequence, IteratorProtocol {
    private let count: Int
    private let size: Int
    private var start = 0

    /// - Precondition: `size` ≥ 1.
    public init(of count: Int, size: Int) {
        precondition(size >= 1, "a block of \(size)")
        self.count = count
        self.size = size
    }

    /// Blocks after each of which a caller is asked whether to stop: a quarter of a second or so on a
    /// slow core.
    ///
    /// - Parameters:
    ///   - work: multiply-adds, or what costs as much, of one index.
    ///   - budget: multiply-adds of a block; a block has one index at least.
    public init(of count: Int, work: Int, budget: Int = 1 << 33) {
        self.init(of: count, size: Swift.max(1, budget / Swift.max(1, work)))
    }

    public mutating func next() -> Range<Int>? {
        guard start < count else { return nil }
        defer { start += size }
        return start..<Swift.min(start + size, count)
    }
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
