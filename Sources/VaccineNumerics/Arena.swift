internal import Glibc

/// One block of memory from which matrices are laid out in order.
///
/// A layout function runs twice over the same code: with a measuring arena, which only counts, and
/// with the real one. So the plan and the allocation cannot disagree, and one check says before
/// anything is allocated whether the memory is there.
@safe public final class Arena {
    /// Bytes laid out so far.
    public private(set) var byteCount = 0
    private let base: UnsafeMutableRawPointer?
    private let capacity: Int

    private static let alignment = 64

    /// An arena that only measures. Its matrices have no memory and must not be touched.
    public init() {
        unsafe base = nil
        capacity = .max
    }

    /// Reserves `byteCount` zeroed bytes.
    ///
    /// - Throws: `VaccineError.memory` when the machine has less available.
    public init(byteCount: Int, purpose: String) throws(VaccineError) {
        let available = availableMemory()
        guard byteCount <= available else {
            throw .memory(
                "\(purpose) needs \(megabytes(byteCount)), but only \(megabytes(available)) "
                    + "of memory are available")
        }
        capacity = max(byteCount, Arena.alignment)
        let mapped = unsafe mmap(
            nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw .memory("\(purpose) needs \(megabytes(byteCount)), which were refused")
        }
        unsafe _ = madvise(mapped, capacity, MADV_HUGEPAGE)
        unsafe base = unsafe mapped
    }

    /// Keeps the memory until here. Matrices do not own theirs: a function that lays out an arena of its own
    /// defers this.
    public func keepAlive() { withExtendedLifetime(self) {} }

    deinit {
        if let base = unsafe base { unsafe _ = munmap(base, capacity) }
    }

    /// The next rows × columns matrix. Rows of a length that would put neighbouring rows into the same few
    /// sets of the first-level cache, from which products read many at a time, lie 64 bytes further apart.
    public func matrix(rows: Int, columns: Int) -> Matrix {
        let stride = rows > 1 && columns % 512 == 0 ? columns + 16 : columns
        return unsafe Matrix(
            base: take(rows, stride, of: Float.self), rows: rows, columns: columns,
            stride: stride)
    }

    /// Two layouts in the same memory, of which one is used at a time.
    public func inTurn<First, Second>(
        _ first: (Arena) -> First, and second: (Arena) -> Second
    ) -> (First, Second) {
        let start = byteCount
        let one = first(self)
        let end = byteCount
        byteCount = start
        let other = second(self)
        byteCount = max(byteCount, end)
        return (one, other)
    }

    /// The next `rows` rows of elements that lie `stride` apart. A plan beyond what addresses reach ends at
    /// the largest number, which no machine has.
    func take<Element>(
        _ rows: Int, _ stride: Int, of: Element.Type
    ) -> UnsafeMutablePointer<Element> {
        let start = byteCount
        let unit = Arena.alignment
        let count = saturating(rows, stride, Int.multipliedReportingOverflow)
        let size = saturating(
            count, MemoryLayout<Element>.stride, Int.multipliedReportingOverflow)
        byteCount = saturating(
            start, size > .max - unit ? .max : (size + unit - 1) / unit * unit,
            Int.addingReportingOverflow)
        guard let base = unsafe base else {
            return unsafe UnsafeMutablePointer(bitPattern: Arena.alignment).unsafelyUnwrapped
        }
        precondition(byteCount <= capacity, "arena overflow: the layout changed after measuring")
        return unsafe (base + start).bindMemory(to: Element.self, capacity: count)
    }
}

/// The result of an operation on numbers that are not negative, or the largest number.
private func saturating(
    _ a: Int, _ b: Int, _ operation: (Int) -> (Int) -> (partialValue: Int, overflow: Bool)
) -> Int {
    let (value, overflow) = operation(a)(b)
    return overflow ? .max : value
}

private func megabytes(_ bytes: Int) -> String { "\(bytes / 1_000_000) MB" }
