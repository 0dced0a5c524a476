import Testing
import VaccineNumerics

@testable import VaccineDrift

/// Moments are additive and their merge order does not matter; tolerances are some thousand roundings of sums
/// of squares.
@Suite struct MomentTests {
    private let x = Sample(seed: 1, rows: 40, width: 5, mean: 3)
    private let y = Sample(seed: 2, rows: 40, width: 5, mean: -1, scale: 2)

    private func paired(_ rows: Range<Int>) -> PairedMoments {
        PairedMoments(x: x.rows(rows).matrix, y: y.rows(rows).matrix)
    }

    @Test(arguments: [[0, 40], [0, 1, 40], [0, 13, 14, 40], [0, 20, 20, 40]])
    func `merged parts are the moments of the whole`(cuts: [Int]) {
        var merged = PairedMoments(width: 5)
        for (start, end) in zip(cuts, cuts.dropFirst()).reversed() {
            merged.merge(paired(start..<end))
        }
        expectNear(merged.state, paired(0..<40).state, within: 1e-11)
    }

    @Test func `scatter is the sum of outer products about the mean`() {
        let moments = paired(0..<40)
        for i in 0..<5 {
            let mean = (0..<40).reduce(0) { $0 + x[$1][i] } / 40
            expectNear(moments.meanX[i], mean, within: 1e-13)
            for j in 0..<5 {
                let other = (0..<40).reduce(0) { $0 + y[$1][j] } / 40
                let sum = (0..<40).reduce(0) { $0 + (x[$1][i] - mean) * (y[$1][j] - other) }
                expectNear(moments.sxy[i, j], sum, within: 1e-12)
            }
        }
    }

    @Test func `a state holds everything`() {
        let moments = paired(0..<40)
        let again = PairedMoments(state: moments.state[...], width: 5)
        #expect(again.state == moments.state)
        #expect(moments.state.count == PairedMoments.stateCount(width: 5))
    }

    @Test func `moments of no rows change nothing`() {
        var merged = paired(0..<40)
        merged.merge(PairedMoments(width: 5))
        #expect(merged.state == paired(0..<40).state)
        var empty = PairedMoments(width: 5)
        empty.merge(paired(0..<40))
        #expect(empty.state == paired(0..<40).state)
    }

    @Test func `folds of an update hold the rows of their prompts`() throws {
        let keys = (0..<40).map { UInt64($0 / 4) }
        let size = PairedMoments.stateCount(width: 5)
        let states = try unsafe filled(3 * size) {
            try unsafe FoldStates.paired(
                reference: x.embeddings, current: y.embeddings, keys: keys, foldCount: 3,
                sketch: 0, seed: 0, into: $0, interruption: .none)
        }
        var merged = PairedMoments(width: 5)
        for fold in 0..<3 {
            let state = states[fold * size..<(fold + 1) * size]
            let rows = keys.count { PromptKey(value: $0).fold(of: 3) == fold }
            #expect(state.first == Double(rows))
            merged.merge(PairedMoments(state: state, width: 5))
        }
        expectNear(merged.state, paired(0..<40).state, within: 1e-11)
    }

    @Test func `unpaired sets have each their own covariance`() throws {
        let other = y.rows(0..<25)
        let state = try unsafe filled(PairedMoments.stateCount(width: 5)) {
            try unsafe FoldStates.unpaired(
                x.embeddings, other.embeddings, into: $0, interruption: .none)
        }
        let found = PairedMoments(state: state[...], width: 5)
        let (first, second) = (
            PairedMoments(x: x.matrix, y: x.matrix),
            PairedMoments(x: other.matrix, y: other.matrix)
        )
        #expect(found.count == 40)
        expectNear(found.sxx.elements, first.sxx.elements, within: 1e-12)
        expectNear(
            found.syy.elements.map { $0 / 39 }, second.syy.elements.map { $0 / 24 },
            within: 1e-12)
        expectNear(found.meanY, second.meanY, within: 1e-13)
    }

    @Test func `first moments merge to those of the whole`() {
        func moments(_ rows: Range<Int>) -> VectorMoments {
            var moments = VectorMoments(width: 5)
            for row in rows {
                var one = VectorMoments(width: 5)
                one.count = 1
                one.squaredDistance = squaredDistance(x[row], y[row])
                one.mean = x[row]
                one.meanDelta = zip(y[row], x[row]).map { $0 - $1 }
                moments.merge(one)
            }
            return moments
        }
        var merged = moments(0..<17)
        merged.merge(moments(17..<40))
        expectNear(merged.state, moments(0..<40).state, within: 1e-12)
        let scatter = paired(0..<40).sxx
        expectNear(merged.squares, (0..<5).map { scatter[$0, $0] }, within: 1e-12)
    }

    @Test(arguments: [-1, 0.5, 1e300, .infinity, .nan] as [Double])
    func `counts that are no rows are refused`(count: Double) {
        let states = [0, 0, 3, 0, count, 0]
        #expect(throws: VaccineError.self) { try FoldStates.used(states, size: 2) }
    }

    @Test func `only folds with rows are used`() throws {
        #expect(try FoldStates.used([2, 9, 0, 0, 7, 1], size: 2) == 2)
    }
}

/// What `body` writes into `count` numbers.
func filled(
    _ count: Int, _ body: (UnsafeMutablePointer<Double>) throws -> Void
) throws -> [Double] {
    let memory = UnsafeMutablePointer<Double>.allocate(capacity: count)
    defer { unsafe memory.deallocate() }
    unsafe memory.initialize(repeating: .nan, count: count)
    try unsafe body(memory)
    return unsafe Array(UnsafeBufferPointer(start: memory, count: count))
}
