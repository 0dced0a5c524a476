import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Blocked attention against softmax(causal(Q·Kᵀ/√D))·V written out, and its backward pass against
/// differences. Lengths reach over the block of 64 queries.
@Suite struct AttentionTests {
    private let configuration = ModelConfiguration.tiny.attention
    private let offsets = [0, 1, 4, 134]
    private var tokens: Int { offsets.last ?? 0 }

    private func forward(_ qkv: Matrix) throws -> (context: Matrix, logSums: Matrix) {
        let context = zeros(tokens, configuration.queryWidth)
        let logSums = zeros(configuration.headCount, tokens)
        try Attention(configuration).forward(
            qkv, offsets: offsets, logSums: logSums, scratch: scratch(),
            rounded: nil, interruption: .none, into: context)
        return (context, logSums)
    }

    private func scratch() -> [Matrix] {
        (0..<Threads.count).map { _ in zeros(Attention.queryBlock, 130) }
    }

    @Test func attentionEqualsItsPlainTwin() throws {
        let size = configuration.headSize
        let qkv = normal(
            tokens, configuration.queryWidth + 2 * configuration.keyValueWidth, seed: 1)
        let context = try forward(qkv).context
        for (start, end) in zip(offsets, offsets.dropFirst()) {
            for head in 0..<configuration.headCount {
                let key = configuration.queryWidth + head / 2 * size
                let value = key + configuration.keyValueWidth
                for row in start..<end {
                    let weights = (start...row).map { other in
                        exp(
                            (0..<size).reduce(0.0) {
                                $0 + Double(qkv[row, head * size + $1] * qkv[other, key + $1])
                            } / sqrt(Double(size)))
                    }
                    let sum = weights.reduce(0, +)
                    for place in 0..<size {
                        let expected = zip(start...row, weights).reduce(0.0) {
                            $0 + $1.1 / sum * Double(qkv[$1.0, value + place])
                        }
                        #expect(abs(Double(context[row, head * size + place]) - expected) < 1e-5)
                    }
                }
            }
        }
    }

    /// A new token sees what the last row of its sequence sees; 70 heads share one key.
    @Test(arguments: [(4, 2), (70, 1)], [(Precision.float32, 1e-6), (.bfloat16, 1e-2)])
    func attentionToACacheIsThatOfTheLastRow(
        heads: (Int, Int), held: (precision: Precision, tolerance: Double)
    ) throws {
        var configuration = ModelConfiguration.tiny.attention
        (configuration.headCount, configuration.keyValueHeadCount) = heads
        let attention = Attention(configuration)
        let qkv = normal(
            tokens, configuration.queryWidth + 2 * configuration.keyValueWidth, seed: 1)
        let whole = zeros(tokens, configuration.queryWidth)
        try attention.forward(
            qkv, offsets: offsets, logSums: zeros(configuration.headCount, tokens),
            scratch: scratch(), rounded: nil, interruption: .none, into: whole)
        let last = offsets.dropFirst().map { $0 - 1 }
        let queries = zeros(last.count, qkv.columns)
        for (place, row) in last.enumerated() {
            queries.rows(place..<place + 1).copy(from: qkv.rows(row..<row + 1))
        }

        let (capacity, count) = (131, last.count)
        func layOut(_ arena: Arena) -> Weight {
            arena.weight(
                rows: count * configuration.keyValueHeadCount * 2 * capacity,
                columns: configuration.headSize, held.precision)
        }
        let plan = Arena()
        _ = layOut(plan)
        let arena = try Arena(byteCount: plan.byteCount, purpose: "a cache")
        defer { arena.keepAlive() }
        let memory = layOut(arena)
        func layer(seen: [Int], rows: [[Range<Int>]]?) -> CachedLayer {
            CachedLayer(
                memory: memory, heads: configuration.keyValueHeadCount, capacity: capacity,
                places: Array((0..<count).reversed()), lengths: seen, rows: rows)
        }
        attention.keep(
            qkv,
            in: layer(seen: last.map { _ in 0 }, rows: zip(offsets, last).map { [$0..<$1] }))
        let context = zeros(count, configuration.queryWidth)
        attention.advance(
            queries, in: layer(seen: zip(offsets, last).map { $1 - $0 }, rows: nil),
            scratch: scratch(), into: context)
        let expected = last.flatMap { whole.rows($0..<$0 + 1).elements }
        #expect(relativeError(context.elements, expected) < held.tolerance)
    }

    @Test func backwardIsTheDerivative() throws {
        let width = configuration.queryWidth + 2 * configuration.keyValueWidth
        let (qkv, v) = (normal(tokens, width, seed: 1), normal(tokens, width, seed: 2))
        let dContext = normal(tokens, configuration.queryWidth, seed: 3)
        let (_, logSums) = try forward(qkv)
        let dQKV = zeros(tokens, width)
        try Attention(configuration).backward(
            qkv, offsets: offsets, logSums: logSums, dContext: dContext,
            scratch: scratch(), second: scratch(), rounded: nil, roundedGradient: nil,
            interruption: .none, into: dQKV)
        let h: Float = 1e-2
        func value(_ step: Float) throws -> Double {
            let moved = matrix(qkv.elements, rows: tokens, columns: width)
            moved.add(v, scale: step)
            return zip(try forward(moved).context.elements, dContext.elements).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        let expected = (try value(h) - value(-h)) / Double(2 * h)
        let found = zip(dQKV.elements, v.elements).reduce(0.0) {
            $0 + Double($1.0) * Double($1.1)
        }
        #expect(abs(found - expected) < 5e-3 * max(1, abs(expected)))
    }

    /// Factors keep 8 significant bits: each product is off by up to 2⁻⁸, and errors of many average out.
    @Test(.enabled(if: Precision.bfloat16.isAvailable)) func bfloat16IsNearFloat32() throws {
        let attention = Attention(configuration)
        let width = configuration.queryWidth + 2 * configuration.keyValueWidth
        let qkv = normal(tokens, width, seed: 1)
        let dContext = normal(tokens, configuration.queryWidth, seed: 3)
        let arena = try Arena(byteCount: 4 * tokens * (width + 64), purpose: "a test")
        defer { arena.keepAlive() }
        let rounded = arena.weight(rows: tokens, columns: width, .bfloat16)
        let gradient = arena.weight(
            rows: tokens, columns: configuration.queryWidth, .bfloat16)
        func run(_ memory: Weight?) throws -> (context: Matrix, dQKV: Matrix) {
            let context = zeros(tokens, configuration.queryWidth)
            let (logSums, dQKV) = (zeros(configuration.headCount, tokens), zeros(tokens, width))
            try attention.forward(
                qkv, offsets: offsets, logSums: logSums, scratch: scratch(), rounded: memory,
                interruption: .none, into: context)
            try attention.backward(
                qkv, offsets: offsets, logSums: logSums, dContext: dContext,
                scratch: scratch(), second: scratch(), rounded: memory,
                roundedGradient: memory.map { _ in gradient }, interruption: .none, into: dQKV)
            return (context, dQKV)
        }
        let ((exact, expected), (context, dQKV)) = (try run(nil), try run(rounded))
        #expect(sumOfKeyGradients(expected) < 1e-6)
        #expect(sumOfKeyGradients(dQKV) < 0x1p-11)
        #expect(relativeError(context.elements, exact.elements) < 0x1p-8)
        #expect(relativeError(dQKV.elements, expected.elements) < 0x1p-7)
        #expect(context.elements != exact.elements)
    }

    /// Σ dK over a sequence, relative to Σ |dK|: keys that all move alike change no softmax, so it is 0.
    private func sumOfKeyGradients(_ dQKV: Matrix) -> Double {
        let keys = configuration.queryWidth..<configuration.queryWidth + configuration.keyValueWidth
        var (sums, sizes) = (0.0, 0.0)
        for (start, end) in zip(offsets, offsets.dropFirst()) {
            for column in keys {
                let values = (start..<end).map { Double(dQKV[$0, column]) }
                sums += abs(values.reduce(0, +))
                sizes += values.reduce(0) { $0 + abs($1) }
            }
        }
        return sums / sizes
    }
}
