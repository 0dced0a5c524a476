import Dispatch
import Glibc
import Synchronization
import Testing
import VaccineNumerics
import _TestSupport

/// Numbers of places that are each met by one thread: no lock, so that ThreadSanitizer sees a place met by two.
@safe private final class Places: @unchecked Sendable {
    private let numbers: UnsafeMutableBufferPointer<Int>

    init(count: Int) {
        unsafe numbers = .allocate(capacity: count)
        unsafe numbers.initialize(repeating: 0)
    }

    deinit { unsafe numbers.deallocate() }

    var all: [Int] { unsafe Array(numbers) }

    subscript(index: Int) -> Int {
        get { unsafe numbers[index] }
        set { unsafe numbers[index] = newValue }
    }
}

@Suite struct MemoryAndThreadsTests {
    @Test func arenaRefusesMoreThanThereIs() {
        #expect {
            _ = try Arena(byteCount: 1 << 60, purpose: "a test")
        } throws: { error in
            guard case .memory(let text) = error as? VaccineError else { return false }
            return text.hasPrefix("a test needs")
        }
    }

    @Test func measuringAndAllocatingAgree() throws {
        func layOut(_ arena: Arena) -> [Matrix] {
            [arena.matrix(rows: 3, columns: 5), arena.matrix(rows: 7, columns: 1)]
        }
        let plan = Arena()
        _ = layOut(plan)
        let arena = try Arena(byteCount: plan.byteCount, purpose: "a test")
        let matrices = layOut(arena)
        #expect(arena.byteCount == plan.byteCount)
        matrices[0].fill(1)
        matrices[1].fill(2)
        #expect(matrices[0].elements == [Float](repeating: 1, count: 15))
    }

    @Test func layoutsInTurnShareTheirMemory() throws {
        func layOut(_ arena: Arena) -> (first: Matrix, second: Matrix, next: Matrix) {
            let (first, second) = arena.inTurn {
                $0.matrix(rows: 1, columns: 16)
            } and: {
                $0.matrix(rows: 1, columns: 48)
            }
            return (first, second, arena.matrix(rows: 1, columns: 16))
        }
        let plan = Arena()
        _ = layOut(plan)
        #expect(plan.byteCount == 4 * (48 + 16))
        let arena = try Arena(byteCount: plan.byteCount, purpose: "a test")
        defer { arena.keepAlive() }
        let layout = layOut(arena)
        layout.next.fill(3)
        layout.second.fill(2)
        layout.first.fill(1)
        #expect(
            layout.second.elements == .init(repeating: 1, count: 16)
                + .init(repeating: 2, count: 32))
        #expect(layout.next.elements == .init(repeating: 3, count: 16))
    }

    @Test(arguments: [0, 1, 5, 64, 1000], [1, 16, 64])
    func rangesCoverEveryIndexOnce(count: Int, unit: Int) {
        let seen = Places(count: count)
        Threads.forEachRange(of: count, unit: unit) { range in
            #expect(range.lowerBound % unit == 0)
            for index in range { seen[index] += 1 }
        }
        #expect(seen.all == [Int](repeating: 1, count: count))
    }

    @Test func everyIndexIsCalledOnceWithAWorkerOfItsOwn() {
        let seen = Places(count: 100)
        Threads.forEach(100) { index, worker in
            #expect((0..<Threads.count).contains(worker))
            seen[index] += 1
        }
        #expect(seen.all == [Int](repeating: 1, count: 100))
        #expect(Threads.map(10) { Double($0 * $0) } == (0..<10).map { Double($0 * $0) })
    }

    @Test(arguments: [1, 2, 3, 20], [0, 1, 2, 5, 37, 1000])
    func everyPlaceIsCalledOnce(threads: Int, count: Int) {
        let seen = Places(count: count)
        Threads.withFixedCount(threads) {
            Threads.forEachNear(count) { index, worker in
                #expect((0..<threads).contains(worker))
                seen[index] += 1
            }
        }
        #expect(seen.all == [Int](repeating: 1, count: count))
    }

    /// Worker 0 has places 0 to 4 and worker 1 the others: each in order, and only then what is left of the other's.
    @Test func aThreadBeginsWithPlacesOfItsOwn() {
        Threads.withFixedCount(2) {
            for _ in 0..<100 {
                let calls = Atomic<Int>(0)
                let (workers, turns) = (Places(count: 10), Places(count: 10))
                Threads.forEachNear(10) { index, worker in
                    workers[index] = worker
                    turns[index] = calls.add(1, ordering: .relaxed).newValue
                    // So that there are two more often than not.
                    for _ in 0..<20 { sched_yield() }
                }
                for worker in 0..<2 {
                    let mine = (0..<10).filter { workers[$0] == worker }
                    let taken = mine.sorted { turns[$0] < turns[$1] }
                    let isOwn = { (index: Int) in index / 5 == worker }
                    #expect(taken == mine.filter(isOwn) + mine.filter { !isOwn($0) })
                }
            }
        }
    }

    /// One caller has the pool's threads, the others compute on their own.
    @Test(arguments: [2, 7]) func regionsOfSeveralCallersAreComplete(threads: Int) {
        DispatchQueue.concurrentPerform(iterations: 4) { caller in
            Threads.withFixedCount(threads) {
                for region in 0..<500 {
                    let sum = Atomic<Int>(0)
                    Threads.forEach(37) { index, _ in
                        sum.add(index * (caller + 1) + region, ordering: .relaxed)
                    }
                    #expect(sum.load(ordering: .relaxed) == 666 * (caller + 1) + 37 * region)
                }
            }
        }
    }

    @Test func aFixedCountIsTheCallingThreadsAlone() {
        let before = Threads.count
        Threads.withFixedCount(before + 3) {
            #expect(Threads.count == before + 3)
            Threads.withFixedCount(1) { #expect(Threads.count == 1) }
            Threads.withFixedCount { #expect(Threads.count == before + 3) }
        }
        #expect(Threads.count == before)
    }

    @Test(arguments: [0, -1, 1025]) func threadCountOutOfRangeIsRefused(count: Int) {
        #expect(throws: VaccineError.value("n must be in [1, 1024], got \(count)")) {
            try Threads.setCount(count)
        }
    }
}
