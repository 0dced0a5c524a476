// AdamW behind a handle.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

@c @implementation
public func vaccine_adamw_create(
    _ model: OpaquePointer!, _ beta1: Double, _ beta2: Double, _ epsilon: Double,
    _ weight_decay: Double, _ optimiser: UnsafeMutablePointer<OpaquePointer?>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let settings = AdamW.Settings(
            beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weight_decay)
        optimiser.pointee = retained(
            try AdamW(ModelHandle.at(model).decoder, settings))
    }
}

@c @implementation
public func vaccine_adamw_destroy(_ optimiser: OpaquePointer!) {
    release(optimiser, as: AdamW.self)
}

@c @implementation
public func vaccine_adamw_step(
    _ optimiser: OpaquePointer!, _ model: OpaquePointer!, _ learning_rate: Double,
    _ max_gradient_norm: Double, _ gradient_norm: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        gradient_norm.pointee = try AdamW.at(optimiser).step(
            handle.decoder, learningRate: learning_rate, maximumNorm: max_gradient_norm,
            frozen: handle.session.frozen, interruption: interrupt.interruption)
    }
}

@c @implementation
public func vaccine_adamw_step_count(_ optimiser: OpaquePointer!) -> Int64 {
    Int64((try? AdamW.at(optimiser))?.stepCount ?? 0)
}

@c @implementation
public func vaccine_adamw_set_step_count(
    _ optimiser: OpaquePointer!, _ count: Int64, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try AdamW.at(optimiser).setStepCount(Int(count))
    }
}

@c @implementation
public func vaccine_adamw_skipped(
    _ optimiser: OpaquePointer!, _ name: UnsafePointer<CChar>!,
    _ count: UnsafeMutablePointer<Int64>!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        count.pointee = Int64(try AdamW.at(optimiser).skipped(String(cString: name)))
    }
}

@c @implementation
public func vaccine_adamw_set_skipped(
    _ optimiser: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ count: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try AdamW.at(optimiser).setSkipped(String(cString: name), Int(count))
    }
}

@c @implementation
public func vaccine_adamw_read_moment(
    _ optimiser: OpaquePointer!, _ moment: VaccineMoment, _ name: UnsafePointer<CChar>!,
    _ output: UnsafeMutablePointer<Float>!, _ capacity: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let tensor = try AdamW.at(optimiser).tensor(
            AdamW.Moment(moment), named: String(cString: name))
        try tensor.read(into: output, capacity: capacity)
    }
}

@c @implementation
public func vaccine_adamw_write_moment(
    _ optimiser: OpaquePointer!, _ moment: VaccineMoment, _ name: UnsafePointer<CChar>!,
    _ values: UnsafePointer<Float>!, _ rows: Int64, _ columns: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let tensor = try AdamW.at(optimiser).tensor(
            AdamW.Moment(moment), named: String(cString: name))
        guard tensor.shape == (Int(rows), Int(columns)) else {
            throw .value(
                "\(tensor.name): the shape must be \(tensor.shape), got (\(rows), \(columns))")
        }
        let matrix = Matrix.borrowed(values, rows: Int(rows), columns: Int(columns))
        if let place = matrix.firstNonFinite() {
            throw .value(
                "\(tensor.name): the element at [\(place.row), \(place.column)] is not finite")
        }
        if moment == VACCINE_SECOND_MOMENT, let place = matrix.firstNegative() {
            throw .value(
                "\(tensor.name): the element at [\(place.row), \(place.column)] of the second "
                    + "moment is negative")
        }
        tensor.write(matrix)
    }
}

extension Matrix {
    fileprivate func firstNegative() -> (row: Int, column: Int)? {
        for row in 0..<rows {
            for column in 0..<columns where self[row, column] < 0 { return (row, column) }
        }
        return nil
    }
}

extension AdamW.Moment {
    fileprivate init(_ moment: VaccineMoment) {
        self = moment == VACCINE_FIRST_MOMENT ? .first : .second
    }
}
