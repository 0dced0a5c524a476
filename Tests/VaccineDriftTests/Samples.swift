import Testing
import VaccineNumerics

@testable import VaccineDrift

/// Seeded rows of normal numbers, and plain twins of what the core computes from rows.
final class Sample: Sendable {
    let rows: Int
    let width: Int
    let values: [Double]
    private let block: RowBlock

    init(rows: Int, width: Int, _ values: [Double]) {
        (self.rows, self.width, self.values) = (rows, width, values)
        block = RowBlock(rows: rows, columns: width)
        for row in 0..<rows { block.setRow(row, values, from: row * width) }
    }

    convenience init(seed: UInt64, rows: Int, width: Int, mean: Double = 0, scale: Double = 1) {
        let stream = RandomStream(seed)
        self.init(
            rows: rows, width: width,
            (0..<rows * width).map { mean + scale * Double(stream.normal(at: $0)) })
    }

    /// These rows plus others, element by element.
    func plus(_ other: Sample, times factor: Double = 1) -> Sample {
        Sample(
            rows: rows, width: width, zip(values, other.values).map { $0 + factor * $1 })
    }

    var embeddings: EmbeddingRows { block.embeddings }
    var matrix: DoubleMatrix { DoubleMatrix(rows: rows, columns: width, values) }

    subscript(row: Int) -> [Double] { Array(values[row * width..<(row + 1) * width]) }

    /// The rows of a range.
    func rows(_ range: Range<Int>) -> Sample {
        Sample(
            rows: range.count, width: width,
            Array(values[range.lowerBound * width..<range.upperBound * width]))
    }
}

func squaredDistance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
}

func expectNear(
    _ found: Double, _ expected: Double, within tolerance: Double,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(
        abs(found - expected) <= tolerance * max(1, abs(expected)),
        "\(found) is not \(expected)", sourceLocation: sourceLocation)
}

func expectNear(
    _ found: [Double], _ expected: [Double], within tolerance: Double,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (x, y) in zip(found, expected) {
        expectNear(x, y, within: tolerance, sourceLocation: sourceLocation)
    }
}
