import Testing
import VaccineNumerics
import _TestSupport

@Suite struct InterruptionTests {
    @Test func blocksHoldTheWorkThatTheBudgetAllows() {
        #expect(Array(Blocks(of: 10, work: 3, budget: 12)) == [0..<4, 4..<8, 8..<10])
        #expect(Array(Blocks(of: 3, work: 13, budget: 12)) == [0..<1, 1..<2, 2..<3])
        #expect(Array(Blocks(of: 3, work: 0, budget: 12)) == [0..<3])
        #expect(Array(Blocks(of: 0, work: 1)).isEmpty)
    }

    @Test func blocksOfARangeEndWhereThoseFromTheStartEnd() {
        #expect(Array(Blocks(of: 5..<13, size: 4)) == [5..<8, 8..<12, 12..<13])
        #expect(Array(Blocks(of: 8..<12, size: 4)) == [8..<12])
        #expect(Array(Blocks(of: 6..<7, size: 4)) == [6..<7])
        #expect(Array(Blocks(of: 6..<6, size: 4)).isEmpty)
    }

    @Test func anInterruptedProductWritesNothing() {
        let (x, w) = (normal(4, 6, seed: 1), normal(5, 6, seed: 2))
        let (y, dX) = (zeros(4, 5), zeros(4, 6))
        #expect(throws: VaccineError.interrupted) {
            try withInterruption(afterPolls: 0) {
                try multiply(x, transposing: Weight(w), into: y, interruption: $0)
            }
        }
        #expect(throws: VaccineError.interrupted) {
            try withInterruption(afterPolls: 0) {
                try multiply(normal(4, 5, seed: 3), by: Weight(w), into: dX, interruption: $0)
            }
        }
        #expect(y.elements.allSatisfy { $0 == 0 } && dX.elements.allSatisfy { $0 == 0 })
    }
}
