internal import Glibc
internal import Synchronization

/// The one parallel-for. Matrix products and row sweeps all go through it, so that one setting
/// governs every thread of the process; OpenBLAS itself always runs on the thread that calls it.
public enum Threads {
    private static let requested = Atomic<Int>(ProcessorCount.online)
    private static let forked = Atomic<Bool>(false)

    /// Threads of a parallel region that the calling thread begins. In a child made by `fork` it is 1: the
    /// pool of threads stays with the parent.
    public static var count: Int {
        if forked.load(ordering: .relaxed) { return 1 }
        return fixed == 0 ? requested.load(ordering: .relaxed) : fixed
    }

    /// Calls `body` with a number of threads that stays, whatever another thread sets meanwhile: scratch memory
    /// for each of them remains enough.
    ///
    /// - Parameter number: nil: `count`.
    public static func withFixedCount<Failure: Error>(
        _ number: Int? = nil, _ body: () throws(Failure) -> Void
    ) throws(Failure) {
        let before = fixed
        fixed = number ?? count
        defer { fixed = before }
        try body()
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        unsafe pthread_key_create(&key, nil)
        return key
    }()

    /// The calling thread's fixed number; 0: none.
    private static var fixed: Int {
        get { unsafe Int(bitPattern: pthread_getspecific(key)) }
        set { unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: newValue)) }
    }

    /// - Throws: `VaccineError.value` outside 1...1024.
    public static func setCount(_ n: Int) throws(VaccineError) {
        guard (1...1024).contains(n) else {
            throw .value("n must be in [1, 1024], got \(n)")
        }
        requested.store(n, ordering: .relaxed)
    }

    /// Calls `body` once for every index in `0..<count`; indices are handed out in order to whichever
    /// thread is free. `worker` numbers the threads from 0, for scratch memory of their own.
    public static func forEach(
        _ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void
    ) {
        let workers = min(Threads.count, count)
        guard workers > 1 else {
            for index in 0..<count { body(index, 0) }
            return
        }
        let next = Atomic<Int>(0)
        WorkerPool.shared.perform(workers) { worker in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index, worker)
            }
        }
    }

    /// As `forEach`, for indices that stand for places in memory: each thread begins with a range of its own, the
    /// same one in every region of so many threads, and then takes what others have left of theirs. What a thread
    /// wrote in one region it mostly reads in the next, from its own cache.
    public static func forEachNear(
        _ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void
    ) {
        let workers = min(Threads.count, count)
        guard workers > 1 else { return forEach(count, body) }
        let next = Taken { _ in Atomic(0) }
        let parts = min(workers, next.count / counterSpacing)
        WorkerPool.shared.perform(workers) { worker in
            for offset in 0..<parts {
                let own = (worker * parts / workers + offset) % parts
                let range = part(own, of: parts, count: count, unit: 1)
                let run = max(1, range.count / runs)
                while true {
                    let start =
                        range.lowerBound
                        + next[own * counterSpacing].wrappingAdd(run, ordering: .relaxed).oldValue
                    guard start < range.upperBound else { break }
                    for index in start..<min(start + run, range.upperBound) { body(index, worker) }
                }
            }
        }
    }

    /// How many indices of each range are taken; more threads than ranges share them. Every counter that is used
    /// has a line of the cache of its own.
    private typealias Taken = InlineArray<128, Atomic<Int>>
    private static let counterSpacing = 8
    /// In how many runs at least a range is taken: to take one waits until all that was written is in the cache.
    private static let runs = 8

    /// The numbers that `body` gives for the indices, in their order.
    public static func map(_ count: Int, _ body: @Sendable (_ index: Int) -> Double) -> [Double] {
        let results = Numbers(count: count)
        forEach(count) { index, _ in results[index] = body(index) }
        return Array(results)
    }

    /// How many tasks run between two looks at an interruption: a tenth of a second or so on slow cores, one for
    /// each thread at least.
    ///
    /// - Parameter work: multiply-adds, or what costs as much, of a task.
    public static func wave(of work: Int) -> Int {
        count * max(1, min(64, (1 << 27) / max(1, work)))
    }

    /// Splits `0..<count` into one contiguous range for each thread, borders at multiples of `unit`.
    public static func forEachRange(
        of count: Int, unit: Int = 1, _ body: @Sendable (_ range: Range<Int>) -> Void
    ) {
        let units = (count + unit - 1) / unit
        let workers = min(Threads.count, units)
        guard workers > 1 else {
            if count > 0 { body(0..<count) }
            return
        }
        WorkerPool.shared.perform(workers) { worker in
            let range = part(worker, of: workers, count: count, unit: unit)
            if !range.isEmpty { body(range) }
        }
    }

    /// The `index`-th of `parts` even ranges that make up `0..<count`, borders at multiples of `unit`.
    public static func part(_ index: Int, of parts: Int, count: Int, unit: Int) -> Range<Int> {
        let units = (count + unit - 1) / unit
        let lower = min(units * index / parts * unit, count)
        return lower..<min(units * (index + 1) / parts * unit, count)
    }

    /// The rows of a band.
    public static let bandRows = 32

    /// Calls `body` for bands of rows, so short that what one sweep writes is still in cache when the next
    /// one reads it.
    public static func forEachBand(
        of rows: Int, _ body: @Sendable (_ rows: Range<Int>, _ worker: Int) -> Void
    ) {
        forEachNear((rows + bandRows - 1) / bandRows) { band, worker in
            body(band * bandRows..<min((band + 1) * bandRows, rows), worker)
        }
    }

    /// From now on a child made by `fork` computes on its one thread.
    ///
    /// The pool stays with the parent, and a new one would not do: Swift's runtime remembers the number that
    /// the forking thread had in the parent, and two threads that meet at one of its locks, that of a global's
    /// first use for example, then wait for ever.
    public static func followForks() {
        pthread_atfork(nil, nil, { Threads.forked.store(true, ordering: .relaxed) })
    }
}

private enum ProcessorCount {
    static var online: Int { max(1, min(1024, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }
}

/// A fixed number of numbers, 0 at first, that a parallel region writes: every thread has places of its own.
@safe public final class Numbers: @unchecked Sendable, RandomAccessCollection {
    private let places: UnsafeMutableBufferPointer<Double>

    public init(count: Int) {
        unsafe places = .allocate(capacity: count)
        unsafe places.initialize(repeating: 0)
    }

    deinit { unsafe places.deallocate() }

    public var startIndex: Int { 0 }
    public var endIndex: Int { unsafe places.count }

    public subscript(index: Int) -> Double {
        get { unsafe places[checked(index)] }
        set { unsafe places[checked(index)] = newValue }
    }

    private func checked(_ index: Int) -> Int {
        precondition(indices.contains(index), "index out of range")
        return index
    }
}
