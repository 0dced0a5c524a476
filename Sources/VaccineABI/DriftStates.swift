// States of the drift analyser: the caller's numbers in, the caller's memory out.

public import CVaccine
internal import VaccineDrift
internal import VaccineNumerics

extension EmbeddingRows {
    init(_ embeddings: UnsafePointer<VaccineEmbeddings>, _ name: String) throws(VaccineError) {
        let e = embeddings.pointee
        guard let values = e.values, e.rows > 0, e.width > 0 else {
            throw .value("\(name) must have at least one row and one column")
        }
        let element: Element =
            switch e.element {
            case VACCINE_FLOAT64: .float64
            case VACCINE_FLOAT16: .float16
            case VACCINE_BFLOAT16: .bfloat16
            default: .float32
            }
        self.init(base: values, rows: Int(e.rows), width: Int(e.width), element: element)
    }
}

func array<Element>(_ values: UnsafePointer<Element>?, _ count: Int64) -> [Element] {
    Array(UnsafeBufferPointer(start: values, count: Int(count)))
}

/// Without a conversion: both are 64 bits wide.
func integers(_ values: UnsafePointer<Int64>, _ count: Int64) -> [Int] {
    values.withMemoryRebound(to: Int.self, capacity: Int(count)) { array($0, count) }
}

func copy<Element>(_ values: [Element], to target: UnsafeMutablePointer<Element>?) {
    target?.update(from: values, count: values.count)
}

@c @implementation
public func vaccine_drift_sum_count() -> Int64 { Int64(PromptTable.sumCount) }

@c @implementation
public func vaccine_drift_vector_count(_ width: Int64) -> Int64 {
    Int64(FoldStates.vectorCount(width: Int(width)))
}

@c @implementation
public func vaccine_drift_paired_count(_ width: Int64) -> Int64 {
    Int64(FoldStates.pairedCount(width: Int(width)))
}

@c @implementation
public func vaccine_drift_vector_folds(
    _ states: UnsafePointer<Double>!, _ folds: Int64, _ width: Int64,
    _ used: UnsafeMutablePointer<Int64>!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let size = vaccine_drift_vector_count(width)
        used.pointee = Int64(try FoldStates.used(array(states, folds * size), size: Int(size)))
    }
}

@c @implementation
public func vaccine_drift_paired_folds(
    _ states: UnsafePointer<Double>!, _ folds: Int64, _ width: Int64,
    _ used: UnsafeMutablePointer<Int64>!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let size = vaccine_drift_paired_count(width)
        used.pointee = Int64(try FoldStates.used(array(states, folds * size), size: Int(size)))
    }
}

@c @implementation
public func vaccine_drift_table(
    _ reference: UnsafePointer<VaccineEmbeddings>!, _ current: UnsafePointer<VaccineEmbeddings>!,
    _ order: UnsafePointer<Int64>!, _ starts: UnsafePointer<Int64>!,
    _ keys: UnsafePointer<UInt64>!, _ prompts: Int64, _ directions: Int64, _ folds: Int64,
    _ seed: UInt64, _ sums: UnsafeMutablePointer<Double>!,
    _ sketches: UnsafeMutablePointer<Float>!, _ moments: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let (x, y) = (
            try EmbeddingRows(reference, "reference"), try EmbeddingRows(current, "current")
        )
        let table = PromptTable(
            sums: sums, sketches: sketches, moments: moments, directions: Int(directions),
            folds: Int(folds))
        try table.fill(
            reference: x, current: y, order: integers(order, Int64(x.rows)),
            starts: integers(starts, prompts + 1), keys: array(keys, prompts), seed: seed,
            interruption: interrupt.interruption)
    }
}

@c @implementation
public func vaccine_drift_paired(
    _ reference: UnsafePointer<VaccineEmbeddings>!, _ current: UnsafePointer<VaccineEmbeddings>!,
    _ keys: UnsafePointer<UInt64>!, _ folds: Int64, _ sketch: Int64, _ seed: UInt64,
    _ states: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let (x, y) = (
            try EmbeddingRows(reference, "reference"), try EmbeddingRows(current, "current")
        )
        try FoldStates.paired(
            reference: x, current: y, keys: array(keys, Int64(x.rows)), foldCount: Int(folds),
            sketch: Int(sketch), seed: seed, into: states, interruption: interrupt.interruption)
    }
}

@c @implementation
public func vaccine_drift_unpaired(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!,
    _ state: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let second = y == nil ? nil : try EmbeddingRows(y, "y")
        try FoldStates.unpaired(
            EmbeddingRows(x, "x"), second, into: state, interruption: interrupt.interruption)
    }
}

@c @implementation
public func vaccine_drift_span(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!,
    _ coordinates: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let second = y == nil ? nil : try EmbeddingRows(y, "y")
        let found = try spanCoordinates(
            EmbeddingRows(x, "x"), second, interruption: interrupt.interruption)
        copy(found, to: coordinates)
    }
}

@c @implementation
public func vaccine_drift_row_metrics(
    _ reference: UnsafePointer<VaccineEmbeddings>!, _ current: UnsafePointer<VaccineEmbeddings>!,
    _ metrics: UnsafePointer<Int64>!, _ wanted: Int64, _ values: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let found = try rowMetrics(
            integers(metrics, wanted).map { DriftMetric.all[$0] },
            EmbeddingRows(reference, "reference"), EmbeddingRows(current, "current"),
            interruption: interrupt.interruption)
        copy(found, to: values)
    }
}

@c @implementation
public func vaccine_drift_merge_vector(
    _ a: UnsafeMutablePointer<Double>!, _ b: UnsafePointer<Double>!, _ count: Int64,
    _ width: Int64, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let size = vaccine_drift_vector_count(width)
        let (into, from) = (array(a, count * size), array(b, count * size))
        for states in [into, from] { _ = try FoldStates.used(states, size: Int(size)) }
        copy(FoldStates.mergeVector(into, from, width: Int(width)), to: a)
    }
}

@c @implementation
public func vaccine_drift_merge_paired(
    _ a: UnsafeMutablePointer<Double>!, _ b: UnsafePointer<Double>!, _ count: Int64,
    _ width: Int64, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let size = Int(vaccine_drift_paired_count(width))
        for states in [UnsafePointer(a), b] {
            let counts = (0..<Int(count)).compactMap { states?[$0 * size] }
            _ = try FoldStates.used(counts, size: 1)
        }
        for index in 0..<Int(count) {
            let (into, from) = (a + index * size, b + index * size)
            // The first number counts rows: where one part has none, the other's state is the answer.
            guard from[0] > 0 else { continue }
            guard into[0] > 0 else {
                into.update(from: from, count: size)
                continue
            }
            let merged = FoldStates.mergePaired(
                array(into, Int64(size)), array(from, Int64(size)), width: Int(width))
            copy(merged, to: into)
        }
    }
}
