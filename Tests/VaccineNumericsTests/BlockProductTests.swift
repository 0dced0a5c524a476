import Testing
import VaccineNumerics
import _TestSupport

/// Bytes of a row of 256 numbers.
private let formats: [(name: String, bytes: Int)] = [
    ("F32", 1024), ("F16", 512), ("BF16", 512), ("Q8_0", 272), ("Q4_0", 144), ("Q4_1", 160),
    ("Q5_0", 176), ("Q5_1", 192), ("Q4_K", 144), ("Q5_K", 176), ("Q6_K", 210),
]

/// Gives `body` a weight that reads these bytes.
private func withWeight(
    of bytes: [UInt8], _ name: String, rows: Int, columns: Int, order: [Int]? = nil,
    _ body: (Weight) throws -> Void
) throws {
    let arena = try Arena(byteCount: 16 * rows + 64, purpose: "a test")
    defer { arena.keepAlive() }
    let weight = arena.weight(rows: rows, columns: columns, .blocks)
    try unsafe bytes.withUnsafeBufferPointer { memory in
        guard let base = memory.baseAddress else { return }
        let blocks = unsafe BlockMemory(
            base: base, rows: rows, rowBytes: bytes.count / rows, format: name, order: order)
        try weight.lend(blocks, name: "w", interruption: .none)
        try body(weight)
    }
}

/// Pseudo-random blocks. The top bits of all bytes are 0, so that every scale is finite.
private func randomBytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) & 0x3F }
}

@Suite struct BlockProductTests {
    @Test(
        arguments: formats,
        [(1, 1, 256), (3, 33, 1280), (70, 200, 512), (150, 7, 768), (5, 700, 256)])
    func blocksMultiplyAsTheirNumbersDo(
        format: (name: String, bytes: Int), shape: (Int, Int, Int)
    ) throws {
        let (m, n, k) = shape
        let bytes = randomBytes(n * k * format.bytes / 256)
        try withWeight(of: bytes, format.name, rows: n, columns: k) { weight in
            let numbers = zeros(n, k)
            weight.read(into: numbers)
            let (x, dY) = (normal(m, k, seed: 1), normal(m, n, seed: 2))
            let (y, dX, expected, expectedBack) = (
                zeros(m, n), zeros(m, k), zeros(m, n), zeros(m, k)
            )
            multiply(x, transposing: weight, into: y)
            multiply(x, transposing: Weight(numbers), into: expected)
            // Up to three rows are summed in lanes: √k · 2⁻²⁴, with room for the order of sums.
            if m > 3 {
                #expect(y.elements == expected.elements)
            } else {
                #expect(relativeError(y.elements, expected.elements) < 1e-6)
            }
            multiply(dY, by: weight, into: dX)
            multiply(dY, by: Weight(numbers), into: expectedBack)
            #expect(dX.elements == expectedBack.elements)
            let part = weight.columns(5..<k - 2)
            let (some, expectedSome) = (zeros(n, k - 7), numbers.columns(5..<k - 2))
            part.read(into: some)
            #expect(some.elements == expectedSome.elements)
        }
    }

    @Test(arguments: formats, [1, 3])
    func aRowAloneIsThatOfThreeForEveryNumberOfThreads(
        format: (name: String, bytes: Int), threads: Int
    ) throws {
        let (n, k) = (131, 768)
        let bytes = randomBytes(n * k * format.bytes / 256)
        try withWeight(of: bytes, format.name, rows: n, columns: k) { weight in
            let x = normal(3, k, seed: 3)
            let (together, alone) = (zeros(3, n), zeros(3, n))
            Threads.withFixedCount(threads) { multiply(x, transposing: weight, into: together) }
            for row in 0..<3 {
                let rows = row..<row + 1
                multiply(x.rows(rows), transposing: weight, into: alone.rows(rows))
            }
            #expect(together.elements == alone.elements)
        }
    }

    @Test func rowsOfAnyLengthAreMultiplied() throws {
        let numbers = normal(5, 45, seed: 4)
        let bytes = numbers.elements.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
        try withWeight(of: bytes, "F32", rows: 5, columns: 45) { weight in
            let x = normal(1, 45, seed: 5)
            let (y, expected) = (zeros(1, 5), zeros(1, 5))
            multiply(x, transposing: weight, into: y)
            multiply(x, transposing: Weight(numbers), into: expected)
            #expect(relativeError(y.elements, expected.elements) < 1e-6)
        }
    }

    @Test func rowsAreReadInTheOrderGiven() throws {
        let bytes = randomBytes(3 * 36)
        try withWeight(of: bytes, "Q4_0", rows: 3, columns: 64) { weight in
            let plain = zeros(3, 64)
            weight.read(into: plain)
            try withWeight(of: bytes, "Q4_0", rows: 3, columns: 64, order: [2, 0, 1]) { weight in
                let ordered = zeros(3, 64)
                weight.read(into: ordered)
                #expect(ordered.elements == [2, 0, 1].flatMap { plain.rows($0..<$0 + 1).elements })
            }
        }
    }

    /// Scale 2, low halves 8 and high halves 9 of every byte: (8 − 8) · 2 and (9 − 8) · 2.
    @Test func aBlockByHand() throws {
        let block: [UInt8] = [0x00, 0x40] + Array(repeating: 0x98, count: 16)
        try withWeight(of: block, "Q4_0", rows: 1, columns: 32) { weight in
            let numbers = zeros(1, 32)
            weight.read(into: numbers)
            let expected: [Float] = Array(repeating: 0, count: 16) + Array(repeating: 2, count: 16)
            #expect(numbers.elements == expected)
        }
    }
}
