import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Every kernel against a plain twin, and every backward pass against differences of its forward pass.
@Suite struct KernelTests {
    /// ⟨dY, f(x + h·v) − f(x − h·v)⟩ / 2h, the directional derivative that dX has to match.
    private func slope(
        of function: (Matrix) -> Matrix, at x: Matrix, along v: Matrix, dY: Matrix
    ) -> Double {
        let h: Float = 1e-2
        func moved(_ step: Float) -> [Float] {
            let copy = matrix(x.elements, rows: x.rows, columns: x.columns)
            copy.add(v, scale: step)
            return function(copy).elements
        }
        let (up, down) = (moved(h), moved(-h))
        return zip(zip(up, down), dY.elements).reduce(0.0) {
            $0 + (Double($1.0.0) - Double($1.0.1)) * Double($1.1)
        } / Double(2 * h)
    }

    private func product(_ a: Matrix, _ b: Matrix) -> Double {
        zip(a.elements, b.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }

    @Test(arguments: [1, 16, 37]) func rmsNormEqualsItsPlainTwin(width: Int) {
        let x = normal(5, width, seed: 1)
        let weight = normal(1, width, seed: 2)
        let (y, inverse) = (zeros(5, width), zeros(5, 1))
        rmsNormForward(x, weight: weight, epsilon: 1e-5, inverse: inverse, into: y)
        for row in 0..<5 {
            let mean = (0..<width).reduce(0.0) { $0 + pow(Double(x[row, $1]), 2) } / Double(width)
            for column in 0..<width {
                let expected = Double(weight[0, column] * x[row, column]) / sqrt(mean + 1e-5)
                #expect(abs(Double(y[row, column]) - expected) < 1e-5)
            }
        }
        let again = zeros(5, width)
        rmsNormAgain(x, weight: weight, inverse: inverse, into: again)
        #expect(again.elements == y.elements)
    }

    @Test func rmsNormBackwardIsItsDerivative() {
        let (x, weight) = (normal(4, 37, seed: 1), normal(1, 37, seed: 2))
        let (dY, v) = (normal(4, 37, seed: 3), normal(4, 37, seed: 4))
        let inverse = zeros(4, 1)
        func forward(_ x: Matrix) -> Matrix {
            let y = zeros(4, 37)
            rmsNormForward(x, weight: weight, epsilon: 1e-5, inverse: inverse, into: y)
            return y
        }
        let expected = slope(of: forward, at: x, along: v, dY: dY)
        _ = forward(x)
        let dX = zeros(4, 37)
        dX.fill(1)
        rmsNormBackward(x, weight: weight, inverse: inverse, dY: dY, addingTo: dX)
        let ones = zeros(4, 37)
        ones.fill(1)
        #expect(abs(product(dX, v) - product(ones, v) - expected) < 5e-3 * max(1, abs(expected)))
    }

    @Test func swiGLUAndItsDerivativeHold() {
        let (pair, dY, v) = (normal(3, 38, seed: 1), normal(3, 19, seed: 2), normal(3, 38, seed: 3))
        func forward(_ pair: Matrix) -> Matrix {
            let y = zeros(3, 19)
            SwiGLU().forward(pair, halves: nil, into: y)
            return y
        }
        let y = forward(pair)
        for row in 0..<3 {
            for column in 0..<19 {
                let gate = Double(pair[row, column])
                let expected = gate / (1 + exp(-gate)) * Double(pair[row, column + 19])
                #expect(abs(Double(y[row, column]) - expected) < 1e-5)
            }
        }
        let expected = slope(of: forward, at: pair, along: v, dY: dY)
        SwiGLU().backward(pair, halves: nil, dY: dY)
        #expect(abs(product(pair, v) - expected) < 5e-3 * max(1, abs(expected)))
    }

    @Test func swiGLUIsDerivedFromWhatItKept() throws {
        let plan = Arena()
        _ = plan.halfMatrix(rows: 3, columns: 38)
        let arena = try Arena(byteCount: plan.byteCount, purpose: "a test")
        defer { arena.keepAlive() }
        let halves = arena.halfMatrix(rows: 3, columns: 38)
        let (pair, y) = (normal(3, 38, seed: 1), zeros(3, 19))
        (pair[1, 2], pair[2, 30]) = (-1e6, 1e9)
        SwiGLU().forward(pair, halves: halves, into: y)
        let kept = matrix(
            pair.elements.map { Float(Float16(min(max($0, -65504), 65504))) }, rows: 3, columns: 38)

        let (expectedY, again, dY) = (zeros(3, 19), zeros(3, 19), normal(3, 19, seed: 2))
        SwiGLU().forward(kept, halves: nil, into: expectedY)
        SwiGLU().backward(kept, halves: nil, dY: dY)
        pair.fill(0)
        let places = (0..<Threads.count).map { _ in zeros(1, 38) }
        SwiGLU().again(halves, places: places, into: again)
        #expect(again.elements == expectedY.elements)
        SwiGLU().backward(pair, halves: halves, dY: dY)
        #expect(pair.elements == kept.elements)
    }

    @Test(arguments: [1, 3, 4, 8, 9], [5, 16, 50])
    func lowRankProductsEqualTheirPlainTwins(rank: Int, width: Int) {
        let (x, a) = (normal(7, width, seed: 1), normal(rank, width, seed: 2))
        let u = zeros(7, rank)
        project(x, onto: a, scale: 2, into: u)
        let expectedU = zeros(7, rank)
        multiply(x, .normal, a, .transposed, into: expectedU, alpha: 2)
        #expect(relativeError(u.elements, expectedU.elements) < 1e-5)

        let (y, expectedY) = (normal(7, width, seed: 3), normal(7, width, seed: 3))
        expand(u, over: a, scale: 0.5, addingTo: y)
        multiply(u, .normal, a, .normal, into: expectedY, alpha: 0.5, beta: 1)
        #expect(relativeError(y.elements, expectedY.elements) < 1e-5)

        let (g, expectedG) = (normal(rank, width, seed: 4), normal(rank, width, seed: 4))
        accumulateOuter(u, x, scale: 3, into: g)
        multiply(u, .transposed, x, .normal, into: expectedG, alpha: 3, beta: 1)
        #expect(relativeError(g.elements, expectedG.elements) < 1e-5)
    }

    @Test func crossEntropyAndItsGradientHold() {
        let logits = normal(3, 50, seed: 1)
        logits.scale(by: 5)
        let targets: [Int32] = [4, 0, 49]
        let (z, losses) = (
            matrix(logits.elements, rows: 3, columns: 50), zeros(3, 1)
        )
        crossEntropy(z, targets: targets[...], gradientScale: 0.25, losses: losses)
        for row in 0..<3 {
            let exponentials = (0..<50).map { exp(Double(logits[row, $0])) }
            let sum = exponentials.reduce(0, +)
            let target = Int(targets[row])
            #expect(abs(Double(losses[row, 0]) - log(sum / exponentials[target])) < 1e-5)
            for column in 0..<50 {
                let expected = 0.25 * (exponentials[column] / sum - (column == target ? 1 : 0))
                #expect(abs(Double(z[row, column]) - expected) < 1e-6)
            }
        }
    }

    @Test func rotationKeepsLengthsAndTurnsBack() throws {
        var settings = try #require(ModelConfiguration.tiny.positions as? RotarySettings)
        settings.scaling = .llama3(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 32)
        let frequencies = settings.frequencies(headSize: 8)
        let plan = Arena()
        _ = RotaryEmbedding(frequencies: frequencies, positions: 50, in: plan)
        let arena = try Arena(byteCount: plan.byteCount, purpose: "a test")
        let rotary = RotaryEmbedding(frequencies: frequencies, positions: 50, in: arena)
        try rotary.fill(.none)
        let x = normal(1, 32, seed: 1)
        let before = x.elements
        var row = x.mutable(0)
        rotary.rotate(&row, heads: 4, position: 37)
        #expect(relativeError(x.elements, before) > 0.1)
        #expect(
            abs(sumOfSquares(x) / sumOfSquares(matrix(before, rows: 1, columns: 32)) - 1) < 1e-6)
        rotary.rotate(&row, heads: 4, position: 37, inverse: true)
        #expect(relativeError(x.elements, before) < 1e-6)
    }
}
