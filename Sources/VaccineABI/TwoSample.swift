// Two-sample functions of the drift analyser.

public import CVaccine
internal import VaccineDrift
internal import VaccineNumerics

@c @implementation
public func vaccine_drift_two_sample(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!,
    _ options: UnsafePointer<VaccineTwoSample>!, _ statistics: UnsafeMutablePointer<Double>!,
    _ means: UnsafeMutablePointer<Double>!, _ used: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let (x, y) = (try EmbeddingRows(x, "x"), try EmbeddingRows(y, "y"))
        let o = options.pointee
        let groups = o.groups == nil ? [] : array(o.groups, Int64(x.rows + y.rows)).map { Int($0) }
        let relabelling: Relabelling =
            switch o.relabelling {
            case VACCINE_RELABEL_GROUPS: .groups(groups)
            case VACCINE_RELABEL_SWAPS: .swaps(groups)
            default: .rows
            }
        let pairs = try PairSums(x, y, interruption: interrupt.interruption)
        var kernels: [PairwiseKernel] = []
        for (index, given) in array(o.bandwidths, o.bandwidth_count).enumerated() {
            let bandwidth =
                given > 0
                ? given
                : try pairs.medianBandwidth(
                    sample: 1000, seed: o.seed, interruption: interrupt.interruption)
            guard bandwidth > 0 else {
                throw .value("bandwidth must be positive, but the median distance is 0")
            }
            used[index] = bandwidth
            kernels.append(.gaussian(bandwidth: bandwidth))
        }
        if kernels.isEmpty { kernels = [.negativeDistance] }
        for (index, kernel) in kernels.enumerated() {
            let test = try TwoSampleTest(
                pairs, countX: x.rows, kernel: kernel, relabelling: relabelling,
                draws: Int(o.draws), unbiased: o.unbiased, paired: o.paired, seed: o.seed,
                memory: Int(o.memory),
                interruption: interrupt.interruption.part(index, of: kernels.count))
            copy(test.statistics, to: statistics + index * Int(o.draws + 1))
            copy([test.means.x, test.means.y, test.means.between], to: means + 3 * index)
        }
    }
}

@c @implementation
public func vaccine_drift_kolmogorov_smirnov(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!,
    _ statistics: UnsafeMutablePointer<Double>!, _ p_values: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let result = try kolmogorovSmirnov(
            EmbeddingRows(x, "x"), EmbeddingRows(y, "y"), interruption: interrupt.interruption)
        copy(result.statistics, to: statistics)
        copy(result.pValues, to: p_values)
    }
}

@c @implementation
public func vaccine_drift_sliced_wasserstein(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!,
    _ projections: Int64, _ p: Int64, _ seed: UInt64, _ powers: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let result = try slicedWasserstein(
            EmbeddingRows(x, "x"), EmbeddingRows(y, "y"), projections: Int(projections),
            power: Int(p), seed: seed, interruption: interrupt.interruption)
        copy(result, to: powers)
    }
}

@c @implementation
public func vaccine_drift_neighbour_overlap(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!, _ k: Int64,
    _ shares: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let result = try neighbourOverlap(
            EmbeddingRows(x, "x"), EmbeddingRows(y, "y"), k: Int(k),
            interruption: interrupt.interruption)
        copy(result, to: shares)
    }
}

@c @implementation
public func vaccine_drift_classifier_scores(
    _ x: UnsafePointer<VaccineEmbeddings>!, _ y: UnsafePointer<VaccineEmbeddings>!,
    _ folds: UnsafePointer<Int64>!, _ count: Int64, _ scores: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let (x, y) = (try EmbeddingRows(x, "x"), try EmbeddingRows(y, "y"))
        let result = try classifierScores(
            x, y, folds: array(folds, Int64(x.rows + y.rows)).map { Int($0) },
            count: Int(count), interruption: interrupt.interruption)
        copy(result, to: scores)
    }
}
