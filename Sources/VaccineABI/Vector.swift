// A model's adapter and gradient as flat vectors behind a handle.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

@c @implementation
public func vaccine_vector_create(
    _ model: OpaquePointer!, _ source: VaccineVectorSource,
    _ vector: UnsafeMutablePointer<OpaquePointer?>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        vector.pointee = retained(
            try FlatVector(ModelHandle.at(model).decoder, FlatVector.Source(source)))
    }
}

@c @implementation
public func vaccine_vector_destroy(_ vector: OpaquePointer!) {
    release(vector, as: FlatVector.self)
}

@c @implementation
public func vaccine_vector_count(
    _ vector: OpaquePointer!, _ count: UnsafeMutablePointer<Int64>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        count.pointee = Int64(try FlatVector.at(vector).count())
    }
}

@c @implementation
public func vaccine_vector_copy(
    _ vector: OpaquePointer!, _ other: OpaquePointer!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try FlatVector.at(vector).copy(FlatVector.at(other))
    }
}

@c @implementation
public func vaccine_vector_axpy(
    _ vector: OpaquePointer!, _ alpha: Double, _ other: OpaquePointer!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try FlatVector.at(vector).axpy(alpha, FlatVector.at(other))
    }
}

@c @implementation
public func vaccine_vector_add_product(
    _ vector: OpaquePointer!, _ alpha: Double, _ a: OpaquePointer!, _ b: OpaquePointer!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try FlatVector.at(vector).addProduct(alpha, FlatVector.at(a), FlatVector.at(b))
    }
}

@c @implementation
public func vaccine_vector_scale(
    _ vector: OpaquePointer!, _ alpha: Double, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in try FlatVector.at(vector).scale(alpha) }
}

@c @implementation
public func vaccine_vector_dot(
    _ vector: OpaquePointer!, _ other: OpaquePointer!, _ result: UnsafeMutablePointer<Double>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        result.pointee = try FlatVector.at(vector).dot(FlatVector.at(other))
    }
}

@c @implementation
public func vaccine_vector_read(
    _ vector: OpaquePointer!, _ output: UnsafeMutablePointer<Float>!, _ capacity: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let vector = try FlatVector.at(vector)
        let count = try vector.count()
        guard capacity >= Int64(count) else {
            throw .value("output must have room for \(counted(count, "float"))")
        }
        try vector.read(into: .borrowed(output, rows: 1, columns: count))
    }
}

@c @implementation
public func vaccine_vector_write(
    _ vector: OpaquePointer!, _ values: UnsafePointer<Float>!, _ count: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try FlatVector.at(vector).write(.borrowed(values, rows: 1, columns: Int(count)))
    }
}

extension FlatVector {
    fileprivate static func at(_ pointer: OpaquePointer?) throws(VaccineError) -> FlatVector {
        guard let pointer = pointer else { throw .state("the vector is not there") }
        return Unmanaged.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }
}

extension FlatVector.Source {
    fileprivate init(_ source: VaccineVectorSource) throws(VaccineError) {
        switch source {
        case VACCINE_VECTOR_ADAPTER: self = .adapter
        case VACCINE_VECTOR_GRADIENT: self = .gradient
        case VACCINE_VECTOR_ZEROS: self = .zeros
        default: throw .value("source: unknown kind of vector \(source.rawValue)")
        }
    }
}
