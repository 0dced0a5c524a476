import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Blocked attention against softmax(causal(Q·Kᵀ/√D))·V written out, and its backward pass against
/// differences. Lengths reach over the block of 64 queries.
@Suite struct AttentionTests {
    private let configuration = ModelConfiguration.tiny
    private let offsets = [0, 1, 4, 134]
    private var tokens: Int { offsets.last ?? 0 }

    private func forward(_ qkv: Matrix) -> (context: Matrix, logSums: Matrix) {
        let context = zeros(tokens, configuration.queryWidth)
        let logSums = zeros(configuration.headCount, tokens)
        Attention(configuration).forward(
            qkv, offsets: offsets, logSums: logSums, scratch: scratch(), into: context)
        return (context, logSums)
    }

    private func scratch() -> [Matrix] {
        (0..<Threads.count).map { _ in zeros(Attention.queryBlock, 130) }
    }

    @Test func attentionEqualsItsPlainTwin() {
        let size = configuration.headSize
        let qkv = normal(
            tokens, configuration.queryWidth + 2 * configuration.keyValueWidth, seed: 1)
        let context = forward(qkv).context
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

    @Test func backwardIsTheDerivative() {
        let width = configuration.queryWidth + 2 * configuration.keyValueWidth
        let (qkv, v) = (normal(tokens, width, seed: 1), normal(tokens, width, seed: 2))
        let dContext = normal(tokens, configuration.queryWidth, seed: 3)
        let (context, logSums) = forward(qkv)
        let dQKV = zeros(tokens, width)
        Attention(configuration).backward(
            qkv, context: context, offsets: offsets, logSums: logSums, dContext: dContext,
            scratch: scratch(), second: scratch(), into: dQKV)
        let h: Float = 1e-2
        func value(_ step: Float) -> Double {
            let moved = matrix(qkv.elements, rows: tokens, columns: width)
            moved.add(v, scale: step)
            return zip(forward(moved).context.elements, dContext.elements).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        let expected = (value(h) - value(-h)) / Double(2 * h)
        let found = zip(dQKV.elements, v.elements).reduce(0.0) {
            $0 + Double($1.0) * Double($1.1)
        }
        #expect(abs(found - expected) < 5e-3 * max(1, abs(expected)))
    }
}
