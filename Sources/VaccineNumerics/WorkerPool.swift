internal import CKernels
internal import Glibc
internal import Synchronization

/// Threads that share the calls of one parallel region at a time with the thread that asks.
///
/// A step has some two thousand regions, a generated token two hundred, and to wake a sleeping thread takes
/// as long as the shorter of them. So a thread that has nothing to do spins for a moment before it sleeps.
@safe final class WorkerPool: @unchecked Sendable {
    static let shared = WorkerPool()

    /// About 0.1 ms.
    private static let spins = 3000

    /// The calls of the current region that nobody has taken; and those that have not returned.
    private let untaken = Atomic<Int>(0)
    private let unfinished = Atomic<Int>(0)
    private let taken = Atomic<Bool>(false)
    private let threads = Atomic<Int>(0)
    /// Threads of the pool that sleep, and whether the one that asked does.
    private let sleepers = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let begun: UnsafeMutablePointer<pthread_cond_t>
    private let ended: UnsafeMutablePointer<pthread_cond_t>
    /// Written by the thread that has taken the pool, read by those that have taken a call.
    private var region = unsafe VaccineRegion()

    private init() {
        Threads.followForks()
        unsafe lock = .allocate(capacity: 1)
        unsafe begun = .allocate(capacity: 1)
        unsafe ended = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(begun, nil)
        unsafe pthread_cond_init(ended, nil)
    }

    /// Calls `body` once for every number in `0..<count`, `count` ≥ 2, and returns when all calls have.
    ///
    /// The calling thread takes number 0 in every region. A thread that is late or was refused by the system takes no
    /// call, and the others take its share; where another region holds the pool, the calling thread takes all of
    /// them.
    func perform(_ count: Int, _ body: @Sendable (_ number: Int) -> Void) {
        guard taken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        else {
            for number in 0..<count { body(number) }
            return
        }
        unsafe withRegion(body, count) { region, count in
            unsafe WorkerPool.shared.share(region, count)
        }
        taken.store(false, ordering: .releasing)
    }

    private func share(_ region: VaccineRegion, _ count: Int) {
        grow(to: count - 1)
        unsafe self.region = region
        unfinished.store(count, ordering: .relaxed)
        untaken.store(count - 1, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wake(count - 1) }
        call(0)
        takeCalls()
        waitForOthers()
    }

    private func takeCalls() {
        while let number = take() { call(number) }
    }

    private func call(_ number: Int) {
        unsafe vaccine_call_region(region, number)
        let left = unfinished.subtract(1, ordering: .sequentiallyConsistent).newValue
        if left == 0, callerSleeps.load(ordering: .sequentiallyConsistent) {
            unsafe pthread_mutex_lock(lock)
            unsafe pthread_cond_signal(ended)
            unsafe pthread_mutex_unlock(lock)
        }
    }

    /// A number from 1 on.

    private func take() -> Int? {
        var left = untaken.load(ordering: .acquiring)
        while left > 0 {
            let (exchanged, original) = untaken.weakCompareExchange(
                expected: left, desired: left - 1, ordering: .acquiring)
            if exchanged { return left }
            left = original
        }
        return nil
    }

    private func waitForOthers() {
        for _ in 0..<WorkerPool.spins {
            if unfinished.load(ordering: .acquiring) == 0 { return }
            vaccine_pause()
        }
        unsafe pthread_mutex_lock(lock)
        callerSleeps.store(true, ordering: .sequentiallyConsistent)
        while unfinished.load(ordering: .sequentiallyConsistent) > 0 {
            unsafe pthread_cond_wait(ended, lock)
        }
        callerSleeps.store(false, ordering: .relaxed)
        unsafe pthread_mutex_unlock(lock)
    }

    private func wake(_ count: Int) {
        unsafe pthread_mutex_lock(lock)
        for _ in 0..<count { unsafe pthread_cond_signal(begun) }
        unsafe pthread_mutex_unlock(lock)
    }

    // MARK: The threads

    private func grow(to count: Int) {
        while threads.load(ordering: .relaxed) < count, startThread() {
            threads.add(1, ordering: .relaxed)
        }
    }

    /// A thread without signals, so that Ctrl-C comes to a thread of the program; but what a thread's own
    /// reading raises, of a mapped file that was cut short, ends the process where it is blocked.
    private func startThread() -> Bool {
        var (all, before, thread) = (sigset_t(), sigset_t(), pthread_t())
        unsafe sigfillset(&all)
        unsafe sigdelset(&all, SIGBUS)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe _ = pthread_sigmask(SIG_SETMASK, &before, nil) }
        let status = unsafe pthread_create(&thread, nil, { _ in WorkerPool.shared.work() }, nil)
        if status == 0 { pthread_detach(thread) }
        return status == 0
    }

    private func work() -> Never {
        while true {
            takeCalls()
            waitForRegion()
        }
    }

    private func waitForRegion() {
        for _ in 0..<WorkerPool.spins {
            if untaken.load(ordering: .relaxed) > 0 { return }
            vaccine_pause()
        }
        unsafe pthread_mutex_lock(lock)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while untaken.load(ordering: .sequentiallyConsistent) == 0 {
            unsafe pthread_cond_wait(begun, lock)
        }
        sleepers.subtract(1, ordering: .relaxed)
        unsafe pthread_mutex_unlock(lock)
    }
}

/// Calls `use` with `body` as any thread may call it until `use` returns. To lend a closure in Swift itself
/// takes a block of memory for each region.
@_silgen_name("vaccine_with_region")
private func withRegion(
    _ body: @Sendable (_ number: Int) -> Void, _ count: Int,
    _ use: @convention(c) (VaccineRegion, Int) -> Void)
