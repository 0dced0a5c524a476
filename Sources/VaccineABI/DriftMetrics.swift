// Metrics of the drift analyser's states, and the table of them.

public import CVaccine
internal import VaccineDrift
internal import VaccineNumerics

private func text(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

private func copy(_ estimates: [Estimate], to target: UnsafeMutablePointer<Double>?) {
    copy(estimates.flatMap { [$0.value, $0.low, $0.high, Double($0.reason.rawValue)] }, to: target)
}

@c @implementation
public func vaccine_drift_metric(
    _ number: Int64, _ metric: UnsafeMutablePointer<VaccineDriftMetric>!
) -> Bool {
    guard let number = Int(exactly: number), DriftMetric.all.indices.contains(number) else {
        return false
    }
    let known = DriftMetric.all[number]
    let unit =
        switch known.unit {
        case .none: VACCINE_UNIT_NONE
        case .share: VACCINE_UNIT_SHARE
        case .radians: VACCINE_UNIT_RADIANS
        case .states: VACCINE_UNIT_STATES
        case .squaredStates: VACCINE_UNIT_SQUARED_STATES
        }
    let rows: Int64 =
        switch known.need {
        case .rows(let count): Int64(count)
        case .moreRowsThanColumns: -1
        }
    metric.pointee = VaccineDriftMetric(
        name: text(known.name), label: text(known.label), unit: unit, low: known.least,
        high: known.most ?? .nan, rows: rows, table: known.isOfTable, vector: known.isOfVector,
        paired: known.isOfPaired)
    return true
}

@c @implementation
public func vaccine_drift_reason(_ number: Int64) -> UnsafePointer<CChar>? {
    Int(exactly: number).flatMap(Undefined.init).map { text($0.reason) }
}

@c @implementation
public func vaccine_drift_table_metrics(
    _ table: UnsafePointer<Double>!, _ keys: UnsafePointer<UInt64>!, _ prompts: Int64,
    _ layers: Int64, _ width: Int64, _ draws: Int64, _ confidence: Double, _ seed: UInt64,
    _ estimates: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let values = try tableMetrics(
            table: array(table, prompts * layers * Int64(PromptTable.sumCount)),
            layers: Int(layers), width: Int(width), keys: array(keys, prompts),
            draws: Int(draws), confidence: confidence, seed: seed,
            interruption: interrupt.interruption)
        copy(values, to: estimates)
    }
}

@c @implementation
public func vaccine_drift_prompt_metric(
    _ table: UnsafePointer<Double>!, _ prompts: Int64, _ layers: Int64, _ width: Int64,
    _ metric: Int64, _ values: UnsafeMutablePointer<Double>!
) {
    let found = promptMetric(
        DriftMetric.all[Int(metric)],
        table: array(table, prompts * layers * vaccine_drift_sum_count()), layers: Int(layers),
        width: Int(width))
    copy(found, to: values)
}

@c @implementation
public func vaccine_drift_vector_metrics(
    _ states: UnsafePointer<Double>!, _ folds: Int64, _ width: Int64, _ t: Double,
    _ estimates: UnsafeMutablePointer<Double>!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let size = vaccine_drift_vector_count(width)
        let states = array(states, folds * size)
        _ = try FoldStates.used(states, size: Int(size))
        copy(FoldMetrics.vector(states, width: Int(width), t: t), to: estimates)
    }
}

@c @implementation
public func vaccine_drift_paired_metrics(
    _ states: UnsafePointer<Double>!, _ folds: Int64, _ width: Int64,
    _ metrics: UnsafePointer<Int64>!, _ wanted: Int64, _ t: Double, _ intervals: Bool,
    _ directions: UnsafePointer<Double>!, _ set_rows: UnsafePointer<Int64>!,
    _ sets: Int64, _ spectrum: Int64, _ estimates: UnsafeMutablePointer<Double>!,
    _ spectra: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let sizes = array(set_rows, sets).map { $0 * width }
        var start: Int64 = 0
        var parts: [[Double]] = []
        for size in sizes {
            parts.append(array(directions + Int(start), size))
            start += size
        }
        let size = vaccine_drift_paired_count(width)
        let states = array(states, folds * size)
        _ = try FoldStates.used(states, size: Int(size))
        let result = try FoldMetrics.paired(
            states, width: Int(width),
            metrics: integers(metrics, wanted).map { DriftMetric.all[$0] }, t: t,
            intervals: intervals, directions: parts, spectrumCount: Int(spectrum),
            interruption: interrupt.interruption)
        copy(result.metrics + result.energies, to: estimates)
        copy(result.spectra.reference, to: spectra)
        copy(result.spectra.current, to: spectra + Int(spectrum))
    }
}
