import Synchronization
package import VaccineNumerics

// Matrices for tests. Their memory is never given back: a test process is short.

/// Where it lies, so that LeakSanitizer sees that it is known.
private let addresses = Mutex<[UInt]>([])

/// A zeroed matrix.
package func zeros(_ rows: Int, _ columns: Int) -> Matrix {
    let memory = UnsafeMutablePointer<Float>.allocate(capacity: max(1, rows * columns))
    unsafe memory.initialize(repeating: 0, count: max(1, rows * columns))
    addresses.withLock { $0.append(UInt(bitPattern: memory)) }
    return unsafe Matrix(base: memory, rows: rows, columns: columns, stride: columns)
}

/// A matrix of these elements, row by row.
package func matrix(_ values: [Float], rows: Int, columns: Int) -> Matrix {
    let matrix = zeros(rows, columns)
    matrix.copy(from: values.span)
    return matrix
}

/// Standard normal elements.
package func normal(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    let stream = RandomStream(seed)
    return matrix(
        (0..<rows * columns).map { stream.normal(at: $0) }, rows: rows, columns: columns)
}

extension Matrix {
    /// All elements, row by row.
    package var elements: [Float] {
        (0..<rows).flatMap { row in (0..<columns).map { self[row, $0] } }
    }
}

/// ‖a − b‖ / ‖b‖.
package func relativeError(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0.0) {
        $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
    }
    let size = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    guard a.count == b.count else { return .infinity }
    return size == 0 ? difference.squareRoot() : (difference / size).squareRoot()
}
