/// `0..<count`, cut into blocks of one size; the last may be shorter.
public struct Blocks: Sequence, IteratorProtocol {
    private let end: Int
    private let size: Int
    private var start: Int

    /// - Precondition: `size` ≥ 1.
    public init(of count: Int, size: Int) { self.init(of: 0..<count, size: size) }

    /// Blocks of a range, which end where those of all numbers from 0 on end.
    ///
    /// - Precondition: `size` ≥ 1, the range from 0 on.
    public init(of range: Range<Int>, size: Int) {
        precondition(size >= 1 && range.lowerBound >= 0, "blocks of \(size) of \(range)")
        start = range.lowerBound
        end = range.upperBound
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
        guard start < end else { return nil }
        let block = start..<Swift.min(start - start % size + size, end)
        start = block.upperBound
        return block
    }
}

/// A caller's wish to stop, asked for between layers and between tiles of long calls; it is told meanwhile how
/// much is done.
@safe public struct Interruption {
    /// Returns true to stop.
    ///
    /// - Parameter done: the share of the call that is done, or NaN.
    public typealias Poll =
        @convention(c) (_ context: UnsafeMutableRawPointer?, _ done: Double) ->
        Bool

    private let poll: Poll?
    private let context: UnsafeMutableRawPointer?
    /// Of the call: where this part of it begins, and its share.
    private let (start, share): (Double, Double)

    /// - Parameters:
    ///   - poll: called on the caller's own thread only; nil: never stops.
    ///   - context: handed to `poll`; must outlive this value.
    public init(_ poll: Poll?, context: UnsafeMutableRawPointer?) {
        unsafe self.init(poll, context, start: 0, share: 1)
    }

    private init(
        _ poll: Poll?, _ context: UnsafeMutableRawPointer?, start: Double, share: Double
    ) {
        unsafe self.poll = poll
        unsafe self.context = context
        (self.start, self.share) = (start, share)
    }

    /// Never stops.
    public static var none: Interruption { unsafe Interruption(nil, context: nil) }

    /// For the `index`-th of `count` parts of equal length: all of one is a share of this.
    public func part(_ index: Int, of count: Int) -> Interruption {
        part(index..<index + 1, of: count)
    }

    /// For some of `count` parts of equal length.
    public func part(_ some: Range<Int>, of count: Int) -> Interruption {
        let each = share / Double(max(1, count))
        return unsafe Interruption(
            poll, context, start: start + each * Double(some.lowerBound),
            share: each * Double(some.count))
    }

    /// - Parameter done: the share that is done, where that is known.
    /// - Throws: `VaccineError.interrupted` when the caller wants to stop.
    public func check(_ done: Double = .nan) throws(VaccineError) {
        guard let poll = unsafe poll else { return }
        if unsafe poll(context, start + share * done) { throw .interrupted }
    }

    /// The same after `done` of `total` steps.
    public func check(_ done: Int, of total: Int) throws(VaccineError) {
        try check(Double(done) / Double(max(1, total)))
    }
}
