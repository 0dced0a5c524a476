import Foundation
import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// A function of one number and its derivative, in double precision.
private struct Curve: Sendable {
    let value: @Sendable (Double) -> Double
    let slope: @Sendable (Double) -> Double

    static let gelu = Curve {
        $0 / 2 * erfc(-$0 / 2.0.squareRoot())
    } slope: {
        erfc(-$0 / 2.0.squareRoot()) / 2 + $0 * exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot()
    }

    static let tanhGELU = Curve {
        $0 / 2 * (1 + tanh(inner($0)))
    } slope: {
        let t = tanh(inner($0))
        let root = (2 / Double.pi).squareRoot()
        return (1 + t) / 2 + $0 / 2 * (1 - t * t) * root * (1 + 3 * 0.044715 * $0 * $0)
    }

    private static func inner(_ z: Double) -> Double {
        (2 / Double.pi).squareRoot() * (z + 0.044715 * z * z * z)
    }
}

/// The two forms of GELU, plain and gated, against double precision.
@Suite struct ActivationTests {
    private static let plain: [(kind: any Activation, curve: Curve)] = [
        (GELU(), .gelu), (TanhGELU(), .tanhGELU),
    ]
    private static let gated: [(kind: any Activation, curve: Curve)] = [
        (GatedGELU(), .gelu), (GatedTanhGELU(), .tanhGELU),
    ]
    /// −10 to 10, with both zeros and numbers whose powers do not fit a float.
    private static let points: [Float] =
        (0..<2001).map { Float($0) / 100 - 10 } + [0, -0.0, 1e-30, 30, -30, 1e20, -1e20]

    private func isNear(_ found: Float, _ expected: Double) -> Bool {
        abs(Double(found) - expected) <= 1e-6 * max(1, abs(expected))
    }

    @Test(arguments: [0, 1])
    func plainValuesAndSlopesHold(index: Int) {
        let (kind, curve) = Self.plain[index]
        let count = Self.points.count
        let (x, y) = (matrix(Self.points, rows: 1, columns: count), zeros(1, count))
        let dY = normal(1, count, seed: 1)
        kind.forward(x, halves: nil, into: y)
        kind.backward(x, halves: nil, dY: dY)
        for (column, point) in Self.points.enumerated() {
            let z = Double(point)
            #expect(isNear(y[0, column], curve.value(z)), "value at \(z)")
            guard abs(z) < 1e3 else { continue }
            let expected = Double(dY[0, column]) * curve.slope(z)
            #expect(isNear(x[0, column], expected), "slope at \(z)")
        }
    }

    @Test(arguments: [0, 1])
    func gatedValuesAndSlopesHold(index: Int) {
        let (kind, curve) = Self.gated[index]
        let width = 19
        let pair = normal(3, 2 * width, seed: 2)
        let before = matrix(pair.elements, rows: 3, columns: 2 * width)
        let (y, dY) = (zeros(3, width), normal(3, width, seed: 3))
        kind.forward(pair, halves: nil, into: y)
        kind.backward(pair, halves: nil, dY: dY)
        for row in 0..<3 {
            for column in 0..<width {
                let gate = Double(before[row, column])
                let up = Double(before[row, column + width])
                let dy = Double(dY[row, column])
                #expect(isNear(y[row, column], curve.value(gate) * up))
                #expect(isNear(pair[row, column], dy * up * curve.slope(gate)))
                #expect(isNear(pair[row, column + width], dy * curve.value(gate)))
            }
        }
    }

    @Test(arguments: [0, 1])
    func noneLosesNaN(index: Int) {
        let (x, y) = (normal(1, 19, seed: 1), zeros(1, 19))
        (x[0, 3], x[0, 17], x[0, 18]) = (.nan, -.nan, .infinity)
        Self.plain[index].kind.forward(x, halves: nil, into: y)
        for column in [3, 17, 18] { #expect(!y[0, column].isFinite) }
    }
}
