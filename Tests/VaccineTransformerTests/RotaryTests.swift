import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Heads turned in part, and frequencies that change with the length of a sequence.
@Suite struct RotaryTests {
    private func rotary(
        _ frequencies: RotaryFrequencies, headSize: Int, positions: Int
    ) throws -> (RotaryEmbedding, Arena) {
        let plan = Arena()
        _ = RotaryEmbedding(frequencies, headSize: headSize, positions: positions, in: plan)
        let arena = try Arena(byteCount: plan.byteCount, purpose: "a test")
        let rotary = RotaryEmbedding(
            frequencies, headSize: headSize, positions: positions, in: arena)
        try rotary.fill(.none)
        return (rotary, arena)
    }

    /// Pairs (i, i + R/2) of the first R of each head, by hand.
    private func turned(
        _ row: [Float], headSize: Int, frequencies: [Double], position: Int, scale: Double = 1
    ) -> [Float] {
        var result = row
        for start in stride(from: 0, to: row.count, by: headSize) {
            for (index, frequency) in frequencies.enumerated() {
                let angle = Double(position) * frequency
                let (left, right) = (start + index, start + index + frequencies.count)
                let (a, b) = (Double(row[left]), Double(row[right]))
                result[left] = Float(scale * (a * cos(angle) - b * sin(angle)))
                result[right] = Float(scale * (b * cos(angle) + a * sin(angle)))
            }
        }
        return result
    }

    @Test(arguments: [1, 3, 20])
    func onlyTheFirstNumbersOfAHeadAreTurned(pairs: Int) throws {
        let frequencies = (0..<pairs).map { pow(100, -Double($0) / Double(pairs)) }
        let headSize = 2 * pairs + 5
        let (rotary, arena) = try rotary(
            RotaryFrequencies(usual: frequencies), headSize: headSize, positions: 9)
        defer { arena.keepAlive() }
        let x = normal(3, 2 * headSize + 4, seed: 1)
        let before = (0..<3).map { x.rows($0..<$0 + 1).elements }
        rotary.turn(x, heads: 2, at: .single([0, 4, 8]), inverse: false)
        for (row, position) in [0, 4, 8].enumerated() {
            let expected =
                turned(
                    Array(before[row].prefix(2 * headSize)), headSize: headSize,
                    frequencies: frequencies, position: position)
                + before[row].suffix(4)
            #expect(relativeError(x.rows(row..<row + 1).elements, expected) < 1e-6)
        }
    }

    @Test func longSequencesAreTurnedByTheirOwnFrequenciesAsAWhole() throws {
        let usual = [1.0, 0.5]
        let long = [0.25, 0.1]
        let (rotary, arena) = try rotary(
            RotaryFrequencies(usual: usual, long: (long, beyond: 3), scale: 1.5), headSize: 4,
            positions: 10)
        defer { arena.keepAlive() }
        // Three rows of three; two rows that are all that is needed of five; four rows.
        let x = normal(9, 4, seed: 2)
        let before = (0..<9).map { x.rows($0..<$0 + 1).elements }
        rotary.turn(
            x, heads: 1, at: .sequences(offsets: [0, 3, 5, 9], lengths: [3, 5, 4]),
            inverse: false)
        let places = [0, 1, 2, 0, 1, 0, 1, 2, 3]
        for (row, position) in places.enumerated() {
            let expected = turned(
                before[row], headSize: 4, frequencies: row < 3 ? usual : long,
                position: position, scale: 1.5)
            #expect(relativeError(x.rows(row..<row + 1).elements, expected) < 1e-6)
        }
        #expect((0..<10).filter(rotary.changesWhatCame) == [3])
    }

    @Test func aContextWithinTheOriginalHasNoLongFrequencies() throws {
        let (rotary, arena) = try rotary(
            RotaryFrequencies(usual: [1], long: ([0.1], beyond: 10)), headSize: 2, positions: 10)
        defer { arena.keepAlive() }
        #expect((0..<10).filter(rotary.changesWhatCame).isEmpty)
    }
}
