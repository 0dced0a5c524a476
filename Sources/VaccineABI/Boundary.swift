// Where the C contract meets the core: borrowed memory becomes matrices, thrown errors become a status
// and a message. Nothing here computes.

internal import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

/// Runs a body on a number of threads that stays, and turns what it throws into a status and a message. The
/// one table of errors.
///
/// - Parameters: `bytes`, `products`: as in `AddressSpace.reserve`.
func status(
    _ message: UnsafeMutablePointer<VaccineMessage>?, bytes: Int = 0, products: Bool = false,
    _ body: () throws(VaccineError) -> Void
) -> VaccineStatus {
    do {
        try AddressSpace.reserve(bytes, products: products)
        try Threads.withFixedCount(nil, body)
        return VACCINE_OK
    } catch {
        switch error {
        case .value(let text):
            write(text, to: message)
            return VACCINE_VALUE
        case .type(let text):
            write(text, to: message)
            return VACCINE_TYPE
        case .memory(let text):
            write(text, to: message)
            return VACCINE_MEMORY
        case .state(let text):
            write(text, to: message)
            return VACCINE_STATE
        case .interrupted:
            write("interrupted", to: message)
            return VACCINE_INTERRUPTED
        }
    }
}

/// Copies a text into a message, cut at a character's border to fit.
func write(_ text: String, to message: UnsafeMutablePointer<VaccineMessage>?) {
    guard let message = message else { return }
    let room = MemoryLayout<VaccineMessage>.size - 1
    var fitting = text
    while fitting.utf8.count > room { fitting.removeLast() }
    withUnsafeMutableBytes(of: &message.pointee) { bytes in
        bytes.copyBytes(from: fitting.utf8)
        bytes[fitting.utf8.count] = 0
    }
}

/// A decoder behind a C handle, with its training and the names that it handed out.
final class ModelHandle {
    let decoder: Decoder
    let session: TrainingSession
    var batch = BatchMemory()
    private var names: [String: UnsafeMutablePointer<CChar>] = [:]

    init(_ decoder: Decoder) {
        self.decoder = decoder
        session = TrainingSession(decoder)
    }

    deinit { for (_, text) in names { text.deallocate() } }

    /// A C string that lives as long as the handle.
    func name(_ text: String) -> UnsafePointer<CChar> {
        if let known = names[text] { return UnsafePointer(known) }
        let bytes = text.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { (copy + index).initialize(to: byte) }
        names[text] = copy
        return UnsafePointer(copy)
    }

    static func at(_ pointer: OpaquePointer?) throws(VaccineError) -> ModelHandle {
        guard let pointer = pointer else { throw .state("the model is not there") }
        return Unmanaged.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }
}

extension AdamW {
    static func at(_ pointer: OpaquePointer?) throws(VaccineError) -> AdamW {
        guard let pointer = pointer else { throw .state("the optimiser is not there") }
        return Unmanaged.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }
}

/// Gives an object to C, which returns it through `release`.
func retained(_ object: AnyObject) -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

func release<Object: AnyObject>(_ pointer: OpaquePointer?, as: Object.Type) {
    guard let pointer = pointer else { return }
    Unmanaged<Object>.fromOpaque(UnsafeRawPointer(pointer)).release()
}

extension TensorKind {
    init(_ kind: VaccineTensorKind) throws(VaccineError) {
        switch kind {
        case VACCINE_WEIGHT: self = .weight
        case VACCINE_ADAPTER: self = .adapter
        case VACCINE_GRADIENT: self = .gradient
        case VACCINE_FROZEN: self = .frozen
        default: throw .value("kind: unknown tensor kind \(kind.rawValue)")
        }
    }
}

extension VaccineInterrupt {
    var interruption: Interruption {
        Interruption(poll, context: context)
    }
}

extension VaccineIntegers {
    /// The values as 32-bit token ids.
    ///
    /// - Throws: `VaccineError.value` when one does not fit.
    func tokens(_ name: String) throws(VaccineError) -> [Int32] {
        var tokens: [Int32] = []
        try read(name, into: &tokens)
        return tokens
    }

    func integers(_ name: String) throws(VaccineError) -> [Int] {
        var integers: [Int] = []
        try read(name, into: &integers)
        return integers
    }

    /// Overwrites an array, in its own memory if that is large enough.
    func read<Integer: FixedWidthInteger>(
        _ name: String, into integers: inout [Integer]
    ) throws(VaccineError) {
        integers.removeAll(keepingCapacity: true)
        guard count > 0 else { return }
        guard let values = values else { throw .value("\(name) must not be NULL") }
        guard width == 4 || width == 8 else {
            throw .value("\(name) must hold 4- or 8-byte integers, got \(width)")
        }
        let (short, long) = (
            values.assumingMemoryBound(to: Int32.self), values.assumingMemoryBound(to: Int64.self)
        )
        integers.reserveCapacity(Int(count))
        for position in 0..<Int(count) {
            let value = width == 4 ? Int64(short[position]) : long[position]
            guard let integer = Integer(exactly: value) else {
                throw .value("\(name): \(value) at position \(position) is not a token id")
            }
            integers.append(integer)
        }
    }
}

/// The batch of a call, in memory that is kept for the next.
struct BatchMemory {
    private(set) var packed = PackedBatch()
    private var inputIDs: [Int32] = []
    private var labels: [Int32] = []
    private var offsets: [Int] = []

    /// - Parameter trimming: as in `PackedBatch.refill`.
    mutating func read(
        _ batch: VaccineBatch, for model: Decoder, trimming: Bool = true
    ) throws(VaccineError) {
        try batch.input_ids.read("input_ids", into: &inputIDs)
        try batch.labels.read("labels", into: &labels)
        try batch.offsets.read("offsets", into: &offsets)
        try packed.refill(
            inputIDs: inputIDs, labels: labels, offsets: offsets,
            configuration: model.configuration, trimming: trimming,
            sequences: try batch.range())
    }
}

extension VaccineBatch {
    /// The sequences that are taken; nil: all.
    fileprivate func range() throws(VaccineError) -> Range<Int>? {
        guard sequence_count != 0 else { return nil }
        let bound: Range<Int64> = 0..<1 << 32
        guard bound.contains(first_sequence), bound.contains(sequence_count) else {
            throw .value(
                "first_sequence and sequence_count must be in [0, 2^32), got \(first_sequence) and "
                    + "\(sequence_count)")
        }
        return Int(first_sequence)..<Int(first_sequence + sequence_count)
    }
}

extension Matrix {
    /// The caller's row-major memory, borrowed for the call.
    static func borrowed(
        _ memory: UnsafeMutablePointer<Float>, rows: Int, columns: Int
    ) -> Matrix {
        Matrix(base: memory, rows: rows, columns: columns, stride: columns)
    }

    /// The caller's row-major memory, only read.
    static func borrowed(_ memory: UnsafePointer<Float>, rows: Int, columns: Int) -> Matrix {
        borrowed(UnsafeMutablePointer(mutating: memory), rows: rows, columns: columns)
    }
}

extension NamedTensor {
    /// Copies the tensor to the caller's memory in its file shape.
    func read(
        into output: UnsafeMutablePointer<Float>?, capacity: Int64
    ) throws(VaccineError) {
        let (rows, columns) = fileRowsAndColumns
        guard let output = output, capacity >= Int64(rows * columns) else {
            throw .value(
                "\(name): the output must have room for \(counted(rows * columns, "float"))")
        }
        read(into: .borrowed(output, rows: rows, columns: columns))
    }
}

/// What the arrays of Swift take that grow with a number of tokens, at most.
func arraysOf(_ tokens: Int64, _ each: Int64 = 1) -> Int {
    let (count, overflow) = tokens.multipliedReportingOverflow(by: max(each, 1))
    return overflow || count > 1 << 48 ? .max / 4 : 512 * Int(count)
}
