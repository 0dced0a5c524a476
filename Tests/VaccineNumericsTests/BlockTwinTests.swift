import CKernels
import Testing

/// Formats, and bytes of a row of 512 numbers.
private let formats: [(VaccineBlockFormat, Int)] = [
    (VACCINE_BLOCKS_F32, 2048), (VACCINE_BLOCKS_F16, 1024), (VACCINE_BLOCKS_BF16, 1024),
    (VACCINE_BLOCKS_Q8_0, 544), (VACCINE_BLOCKS_Q4_0, 288), (VACCINE_BLOCKS_Q4_1, 320),
    (VACCINE_BLOCKS_Q5_0, 352), (VACCINE_BLOCKS_Q5_1, 384), (VACCINE_BLOCKS_Q4_K, 288),
    (VACCINE_BLOCKS_Q5_K, 352), (VACCINE_BLOCKS_Q6_K, 420),
]

/// The kernels of this processor against those in plain C, bit for bit.
@Suite struct BlockTwinTests {
    private let rows = 11
    private let columns = 512

    /// Every bit at random but those that make a scale infinite, in any byte.
    private func withRows(
        _ format: VaccineBlockFormat, bytes: Int, _ body: ([VaccineBlockRow]) -> Void
    ) {
        let memory = (0..<rows * bytes).map {
            UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) & 0xBB
        }
        unsafe memory.withUnsafeBufferPointer { memory in
            guard let base = memory.baseAddress else { return }
            unsafe body(
                (0..<rows).map {
                    unsafe VaccineBlockRow(blocks: base + $0 * bytes, format: format)
                })
        }
    }

    private func bits(_ count: Int, _ fill: (UnsafeMutablePointer<Float>) -> Void) -> [UInt32] {
        let numbers = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
            unsafe buffer.update(repeating: 0)
            if let base = buffer.baseAddress { unsafe fill(base) }
            initialised = count
        }
        return numbers.map(\.bitPattern)
    }

    @Test(arguments: formats, [(0, 512), (5, 500), (33, 31), (300, 212), (511, 1)])
    func numbersAreDecodedAsInPlainC(
        format: (VaccineBlockFormat, Int), range: (first: Int, count: Int)
    ) {
        unsafe withRows(format.0, bytes: format.1) { rows in
            for place in unsafe rows.indices {
                let row = unsafe rows[place]
                let own = unsafe bits(range.count) {
                    unsafe vaccine_from_blocks(row, range.first, range.count, $0)
                }
                let plain = unsafe bits(range.count) {
                    unsafe vaccine_from_blocks_plain(row, range.first, range.count, $0)
                }
                #expect(own == plain)
            }
        }
    }

    @Test(arguments: formats, [1, 3, 4, 11])
    func rowsAreMultipliedAsInPlainC(format: (VaccineBlockFormat, Int), count: Int) {
        let x = (0..<columns).map { Float(($0 * 7919) % 101 - 50) / 64 }
        unsafe withRows(format.0, bytes: format.1) { rows in
            unsafe rows.withUnsafeBufferPointer { table in
                unsafe x.withUnsafeBufferPointer { x in
                    let shape = VaccineShape(m: 1, n: count, k: columns)
                    let blocks = unsafe VaccineBlocks(
                        rows: table.baseAddress, column: 0, transposed: true)
                    let factor = unsafe VaccineFactor(
                        words: x.baseAddress, row: columns, step: 1)
                    let own = unsafe bits(count) {
                        unsafe vaccine_block_dots(shape, factor, blocks, $0, count)
                    }
                    let plain = unsafe bits(count) {
                        unsafe vaccine_block_dots_plain(shape, x.baseAddress, blocks, $0)
                    }
                    #expect(own == plain)
                }
            }
        }
    }
}
