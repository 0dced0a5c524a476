internal import CKernels
internal import Synchronization

/// The formats of GGUF files that a row may have, by their names there.
public enum BlockFormat {
    private static let formats: [(name: String, format: VaccineBlockFormat)] = [
        ("F32", VACCINE_BLOCKS_F32), ("F16", VACCINE_BLOCKS_F16), ("BF16", VACCINE_BLOCKS_BF16),
        ("Q8_0", VACCINE_BLOCKS_Q8_0), ("Q4_0", VACCINE_BLOCKS_Q4_0),
        ("Q4_1", VACCINE_BLOCKS_Q4_1), ("Q5_0", VACCINE_BLOCKS_Q5_0),
        ("Q5_1", VACCINE_BLOCKS_Q5_1), ("Q4_K", VACCINE_BLOCKS_Q4_K),
        ("Q5_K", VACCINE_BLOCKS_Q5_K), ("Q6_K", VACCINE_BLOCKS_Q6_K),
    ]

    /// Their names.
    public static var names: [String] { formats.map(\.name) }

    static func named(_ name: String) -> VaccineBlockFormat? {
        formats.first { $0.name == name }?.format
    }
}

/// Rows of blocks in memory that outlives the weight which reads them.
@safe public struct BlockMemory: @unchecked Sendable {
    let base: UnsafePointer<UInt8>
    let rows: Int
    let rowBytes: Int
    let format: String
    /// Row i of the weight is row `order[i]` here; nil: i.
    let order: [Int]?

    public init(
        base: UnsafePointer<UInt8>, rows: Int, rowBytes: Int, format: String, order: [Int]?
    ) {
        unsafe self.base = base
        (self.rows, self.rowBytes, self.format, self.order) = (rows, rowBytes, format, order)
    }

    /// The same rows for a weight whose row i is row `places[i]` of this one's.
    public func reordered(_ places: [Int]) -> BlockMemory {
        guard let order else {
            return unsafe BlockMemory(
                base: base, rows: rows, rowBytes: rowBytes, format: format, order: places)
        }
        // Another length is refused where the rows are lent.
        guard order.count == places.count else { return self }
        return unsafe BlockMemory(
            base: base, rows: rows, rowBytes: rowBytes, format: format,
            order: places.map { order[$0] })
    }
}

extension Weight {
    /// Lets the rows be read from `memory`, without a copy.
    ///
    /// - Precondition: the weight is held as blocks, whole columns.
    /// - Throws: `VaccineError.value` where the memory is not that of these rows; the weight stays as it was.
    public func lend(
        _ memory: BlockMemory, name: String, interruption: Interruption
    ) throws(VaccineError) {
        guard case .blocks(let table, 0) = storage else {
            preconditionFailure("not held as blocks")
        }
        guard let format = BlockFormat.named(memory.format) else {
            throw .value(
                "\(name): type \(memory.format) is not held as it is; those that are: "
                    + BlockFormat.names.joined(separator: ", "))
        }
        guard memory.rows == rows else {
            throw .value("\(name): must have \(counted(rows, "row")), got \(memory.rows)")
        }
        let expected = vaccine_block_row_bytes(format, columns)
        guard expected > 0, expected == memory.rowBytes else {
            let size = expected > 0 ? counted(expected, "byte") : "no whole number of blocks"
            throw .value(
                "\(name): a row of \(counted(columns, "number")) in \(memory.format) is \(size), "
                    + "got \(counted(memory.rowBytes, "byte"))")
        }
        let order = memory.order ?? Array(0..<rows)
        guard order.count == rows, order.allSatisfy((0..<rows).contains) else {
            throw .value("\(name): order must be \(counted(rows, "row number")) below \(rows)")
        }
        @Sendable func row(_ index: Int) -> VaccineBlockRow {
            unsafe VaccineBlockRow(blocks: memory.base + index * expected, format: format)
        }
        for rows in Blocks(of: rows, work: 64 * columns) {
            try interruption.check()
            let isFinite = Atomic<Bool>(true)
            Threads.forEachRange(of: rows.count) { part in
                for index in part {
                    let own = unsafe row(rows.lowerBound + index)
                    guard unsafe !vaccine_blocks_are_finite(own, columns) else { continue }
                    isFinite.store(false, ordering: .relaxed)
                }
            }
            guard isFinite.load(ordering: .relaxed) else {
                throw .value("\(name): a block holds NaN or infinity")
            }
        }
        for index in 0..<rows { unsafe table[index] = row(order[index]) }
    }
}
