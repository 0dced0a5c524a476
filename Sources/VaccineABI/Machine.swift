// Threads, the description of the build, the bare perturbation rule and the schedules.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining

@c @implementation
public func vaccine_set_thread_count(
    _ count: Int32, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in try Threads.setCount(Int(count)) }
}

@c @implementation
public func vaccine_thread_count() -> Int32 { Int32(Threads.count) }

@c @implementation
public func vaccine_follow_forks() { Threads.followForks() }

@c @implementation
public func vaccine_available_memory() -> Int64 { Int64(availableMemory()) }

@c @implementation
public func vaccine_precision_available(_ precision: VaccinePrecision) -> Bool {
    switch precision {
    case VACCINE_PRECISION_FLOAT32: Precision.float32.isAvailable
    case VACCINE_PRECISION_BFLOAT16: Precision.bfloat16.isAvailable
    default: false
    }
}

@c @implementation
public func vaccine_build_description(_ text: UnsafeMutablePointer<VaccineMessage>!) {
    #if arch(x86_64)
        let instructions = "x86-64-v3 (AVX2, FMA)"
    #elseif arch(arm64)
        let instructions = "arm64 (NEON)"
    #else
        let instructions = "baseline"
    #endif
    write(
        "\(WeightProduct.description); \(BLAS.description); Swift kernels for \(instructions)",
        to: text)
}

@c @implementation
public func vaccine_perturbation(
    _ gradients: UnsafePointer<UnsafePointer<Float>?>!, _ counts: UnsafePointer<Int64>!,
    _ count: Int64, _ rho: Double, _ outputs: UnsafePointer<UnsafeMutablePointer<Float>?>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        guard rho >= 0, rho.isFinite else {
            throw .value("rho must be finite and at least 0, got \(rho)")
        }
        _ = try float32(rho / 1e-7, "rho / 1e-7")
        var perturbed: [Matrix] = []
        for index in 0..<Int(count) {
            guard let source = gradients[index], let target = outputs[index],
                counts[index] > 0
            else { continue }
            let columns = Int(counts[index])
            let output = Matrix.borrowed(target, rows: 1, columns: columns)
            output.copy(from: .borrowed(source, rows: 1, columns: columns))
            perturbed.append(output)
        }
        _ = try perturb(perturbed, rho: rho, norms: Numbers(count: perturbed.count))
    }
}

@c @implementation
public func vaccine_schedule_factor(
    _ schedule: VaccineSchedule, _ step: Int64, _ warmup_steps: Int64, _ total_steps: Int64
) -> Double {
    let kind: Schedule =
        switch schedule {
        case VACCINE_SCHEDULE_LINEAR: .linear
        case VACCINE_SCHEDULE_COSINE: .cosine
        case VACCINE_SCHEDULE_CONSTANT_WITH_WARMUP: .constantWithWarmup
        default: .constant
        }
    return kind.factor(step: Int(step), warmup: Int(warmup_steps), total: Int(total_steps))
}
