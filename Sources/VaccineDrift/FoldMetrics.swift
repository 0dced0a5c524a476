public import VaccineNumerics

/// Metrics of folds' moments with delete-a-fold jackknife intervals.
public enum FoldMetrics {
    /// The metrics that first moments give, in the order of `DriftMetric.ofVector`.
    ///
    /// - Parameters:
    ///   - states: [folds, VectorMoments.stateCount].
    ///   - t: quantile of Student's t with folds − 1 degrees of freedom.
    public static func vector(_ states: [Double], width: Int, t: Double) -> [Estimate] {
        let size = VectorMoments.stateCount(width: width)
        let folds = stride(from: 0, to: states.count, by: size)
            .map { VectorMoments(state: states[$0..<$0 + size], width: width) }
            .filter { $0.count > 0 }
        func pooled(without left: Int?) -> VectorMoments {
            var total = VectorMoments(width: width)
            for (fold, moments) in folds.enumerated() where fold != left { total.merge(moments) }
            return total
        }
        let (whole, parts) = (pooled(without: nil), folds.indices.map { pooled(without: $0) })
        return DriftMetric.ofVector.map { metric in
            func value(_ moments: VectorMoments) -> Result<Double, Undefined> {
                result { () throws(Undefined) in
                    guard let vector = metric.vector else { throw .fewRows }
                    return try vector(moments)()
                }
            }
            return jackknife(
                whole: value(whole), without: parts.map(value), t: t,
                range: metric.range(width: width))
        }
    }

    /// What second moments give.
    public struct Paired: Sendable {
        /// In the order asked for.
        public var metrics: [Estimate]
        /// The share of the drift along each set of directions.
        public var energies: [Estimate]
        /// The leading eigenvalues as shares of the trace.
        public var spectra: (reference: [Double], current: [Double])
    }

    /// - Parameters:
    ///   - states: [folds, PairedMoments.stateCount].
    ///   - metrics: what is wanted; nothing else is computed.
    ///   - intervals: whether leave-one-out values are computed, at folds times the cost.
    ///   - directions: sets of orthonormal directions, each [k, width] flat.
    ///   - spectrumCount: leading eigenvalues wanted.
    /// - Complexity: O((folds + 1) · width³).
    public static func paired(
        _ states: [Double], width: Int, metrics: [DriftMetric], t: Double, intervals: Bool,
        directions: [[Double]], spectrumCount: Int, interruption: Interruption
    ) throws(VaccineError) -> Paired {
        let size = PairedMoments.stateCount(width: width)
        let folds = stride(from: 0, to: states.count, by: size)
            .map { PairedMoments(state: states[$0..<$0 + size], width: width) }
            .filter { $0.count > 0 }
        let directions = directions.map {
            DoubleMatrix(rows: $0.count / width, columns: width, $0)
        }
        let tasks = intervals && folds.count > 1 ? folds.count + 1 : 1
        var evaluations: [Evaluation] = []
        for wave in Blocks(of: tasks, size: max(1, Threads.count)) {
            let parts = Results<Evaluation>(count: wave.count)
            try interruption.check(wave.lowerBound, of: tasks)
            Threads.forEach(wave.count) { index, _ in
                var total = PairedMoments(width: width)
                for (fold, moments) in folds.enumerated() where fold != wave.lowerBound + index - 1
                {
                    total.merge(moments)
                }
                parts[index] = Evaluation(total)
            }
            // Metric by metric, for the sake of the interruption.
            for (place, metric) in metrics.enumerated() {
                let done = Double(wave.count) * Double(place) / Double(metrics.count)
                try interruption.check((Double(wave.lowerBound) + done) / Double(tasks))
                Threads.forEach(wave.count) { index, _ in parts[index]?.evaluate(metric) }
            }
            Threads.forEach(wave.count) { index, _ in
                let isWhole = wave.lowerBound + index == 0
                parts[index]?.finish(directions, spectrumCount: isWhole ? spectrumCount : 0)
            }
            evaluations += (0..<wave.count).compactMap { parts[$0] }
        }
        guard let whole = evaluations.first else { preconditionFailure("one task at least") }
        func estimate(
            in range: ClosedRange<Double>, _ value: (Evaluation) -> Result<Double, Undefined>
        ) -> Estimate {
            jackknife(
                whole: value(whole), without: evaluations.dropFirst().map(value), t: t, range: range
            )
        }
        return Paired(
            metrics: metrics.indices.map { index in
                estimate(in: metrics[index].range(width: width)) { $0.metrics[index] }
            },
            energies: directions.indices.map { index in
                estimate(in: 0...1) { $0.energies[index] }
            },
            spectra: whole.spectra)
    }
}

/// What was asked for of one pair of moments.
private struct Evaluation {
    private let moments: MomentMetrics
    var metrics: [Result<Double, Undefined>] = []
    var energies: [Result<Double, Undefined>] = []
    var spectra: (reference: [Double], current: [Double]) = ([], [])

    init(_ moments: PairedMoments) { self.moments = MomentMetrics(moments) }

    /// Adds the next of the metrics.
    mutating func evaluate(_ metric: DriftMetric) {
        let moments = moments
        metrics.append(result { () throws(Undefined) in try moments.value(metric) })
    }

    mutating func finish(_ directions: [DoubleMatrix], spectrumCount: Int) {
        let moments = moments
        energies = directions.map { directions in
            result { () throws(Undefined) in try moments.energy(along: directions) }
        }
        let missing = [Double](repeating: .nan, count: spectrumCount)
        spectra = (try? moments.spectra(spectrumCount)) ?? (missing, missing)
    }
}

private func result(_ body: () throws(Undefined) -> Double) -> Result<Double, Undefined> {
    do throws(Undefined) { return .success(try body()) } catch { return .failure(error) }
}
