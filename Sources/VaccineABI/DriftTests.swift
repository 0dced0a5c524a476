// Tests and the layer map of the drift analyser.

public import CVaccine
internal import VaccineDrift
internal import VaccineNumerics

@c @implementation
public func vaccine_drift_sign_flips(
    _ deltas: UnsafePointer<Float>!, _ keys: UnsafePointer<UInt64>!, _ prompts: Int64,
    _ layers: Int64, _ directions: Int64, _ draws: Int64, _ seed: UInt64,
    _ norms: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let values = try signFlipNorms(
            deltas: array(deltas, prompts * layers * directions), layers: Int(layers),
            keys: array(keys, prompts), draws: Int(draws), seed: seed,
            interruption: interrupt.interruption)
        copy(values, to: norms)
    }
}

@c @implementation
public func vaccine_drift_contrast(
    _ values: UnsafePointer<Double>!, _ first: UnsafePointer<UInt8>!,
    _ keys: UnsafePointer<UInt64>!, _ prompts: Int64, _ measures: Int64, _ draws: Int64,
    _ confidence: Double, _ seed: UInt64, _ statistics: UnsafeMutablePointer<Double>!,
    _ bounds: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let contrast = try Contrast(
            values: array(values, prompts * measures), measures: Int(measures),
            isFirst: array(first, prompts).map { $0 != 0 }, keys: array(keys, prompts),
            draws: Int(draws), confidence: confidence, seed: seed,
            interruption: interrupt.interruption)
        copy(contrast.statistics, to: statistics)
        copy(contrast.intervals.flatMap { [$0.low, $0.high] }, to: bounds)
    }
}

@c @implementation
public func vaccine_drift_layer_map(
    _ sketches: UnsafePointer<Float>!, _ prompts: Int64, _ layers: Int64, _ directions: Int64,
    _ map: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let values = try layerMap(
            means: array(sketches, prompts * layers * 2 * directions), prompts: Int(prompts),
            layers: Int(layers), interruption: interrupt.interruption)
        copy(values, to: map)
    }
}
