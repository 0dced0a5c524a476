package import VaccineNumerics

/// The settings of a low-rank adapter.
package struct AdapterConfiguration: Sendable, Equatable {
    package var rank: Int
    package var alpha: Double
    package var dropout: Double
    package var targets: [String]

    package init(rank: Int, alpha: Double, dropout: Double, targets: [String]) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
    }

    /// - Parameter known: the linear maps of a layer that can carry an adapter.
    func validate(known: [String]) throws(VaccineError) {
        guard rank >= 1 else { throw .value("rank must be at least 1, got \(rank)") }
        _ = try float32(alpha / Double(rank), "alpha / rank", positive: true)
        guard (0...0.5).contains(dropout) else {
            throw .value("dropout must be in [0, 0.5], got \(dropout)")
        }
        guard !targets.isEmpty else { throw .value("targets must name at least one projection") }
        for target in targets where !known.contains(target) {
            throw .value(
                "targets: unknown projection '\(target)'; known are "
                    + known.joined(separator: ", "))
        }
    }
}

/// The factors of all adapted projections and their gradients, in two arenas.
package struct AdapterMemory {
    package let configuration: AdapterConfiguration
    package var rank: Int { configuration.rank }
    let values: Arena
    let gradients: Arena
    /// The factors and their gradients under their names, in the order of the computation.
    let factors: (values: TensorTable, gradients: TensorTable)
}

extension Decoder {
    /// Adds a fresh adapter: A ~ U(±1/√in), B = 0, so that the model computes what it did before.
    ///
    /// - Throws: `VaccineError.state` if there is one already; `.value` for faulty settings or a rank
    ///   above a matrix's smaller side.
    /// - SeeAlso: PEFT's `kaiming_uniform_(a=√5)`, whose bound is 1/√in.
    package func addAdapter(
        _ settings: AdapterConfiguration, seed: UInt64
    ) throws(VaccineError) {
        guard adapter == nil else {
            throw .state("the model has an adapter already; merge or remove it first")
        }
        try settings.validate(known: configuration.adapterTargets)
        for layer in layers {
            for (projection, part) in layer.parts where settings.targets.contains(part.name) {
                let smaller = min(projection.weight.columns, part.range.count)
                guard settings.rank <= smaller else {
                    throw .value(
                        "rank must be at most \(smaller), the smaller side of \(part.name), "
                            + "got \(settings.rank)")
                }
            }
        }
        let (valuePlan, gradientPlan) = (Arena(), Arena())
        _ = adapted(settings, values: valuePlan, gradients: gradientPlan)
        let values = try Arena(byteCount: valuePlan.byteCount, purpose: "the adapter")
        let gradients = try Arena(
            byteCount: gradientPlan.byteCount, purpose: "the adapter's gradients")
        layers = adapted(settings, values: values, gradients: gradients)
        adapter = AdapterMemory(
            configuration: settings, values: values, gradients: gradients,
            factors: (
                adapterTable(layers, gradient: false), adapterTable(layers, gradient: true)
            ))
        discardWorkspaces()
        for layer in layers {
            for (_, part) in layer.parts {
                guard let adapter = part.adapter else { continue }
                let stream = RandomStream(seed, UInt64(part.index))
                let bound = 1 / Double(adapter.down.columns).squareRoot()
                adapter.down.fillInOrder { Float((2 * stream.uniform(at: $0) - 1) * bound) }
            }
        }
    }

    /// - Throws: `VaccineError.state` if there is none.
    package func removeAdapter() throws(VaccineError) {
        guard adapter != nil else { throw .state("the model has no adapter") }
        for index in layers.indices { layers[index].mapParts { $1.adapter = nil } }
        adapter = nil
        discardWorkspaces()
    }

    /// W += (α / r) · B · A for every adapted projection, then removes the adapter.
    ///
    /// In bfloat16 the sum is formed in float32 and rounded. A merged projection's B becomes zero, so
    /// that the model computes the same after an interruption and merging again completes it.
    /// - Throws: `VaccineError.state` if there is none, `.memory` before anything is changed.
    package func mergeAdapter(interruption: Interruption) throws(VaccineError) {
        let rows = 256
        let widest = layers.flatMap(\.parts).map { $0.0.weight.columns }.max() ?? 0
        let scratch = try Arena(
            byteCount: rows * widest * MemoryLayout<Float>.stride, purpose: "merging")
        defer { scratch.keepAlive() }
        let block = scratch.matrix(rows: 1, columns: rows * widest)
        for layer in layers {
            for (projection, part) in layer.parts {
                guard let adapter = part.adapter else { continue }
                try interruption.check()
                let weight = projection.weight.rows(part.range)
                for start in stride(from: 0, to: weight.rows, by: rows) {
                    let range = start..<min(start + rows, weight.rows)
                    let sum = block.reshaped(rows: range.count, columns: weight.columns)
                    weight.rows(range).read(into: sum)
                    multiply(
                        adapter.up.columns(range), .transposed, adapter.down, .normal, into: sum,
                        alpha: adapter.scale, beta: 1)
                    weight.rows(range).write(sum)
                }
                adapter.up.fill(0)
            }
        }
        try removeAdapter()
    }

    package func zeroGradients() {
        for tensor in tensors(.gradient) { tensor.matrix.fill(0) }
    }

    /// The layers with adapters laid out in two arenas.
    private func adapted(
        _ settings: AdapterConfiguration, values: Arena, gradients: Arena
    ) -> [DecoderLayer] {
        func adapter(of part: Projection.Part, input: Int) -> LowRankAdapter? {
            guard settings.targets.contains(part.name) else { return nil }
            let (rank, output) = (settings.rank, part.range.count)
            return LowRankAdapter(
                down: values.matrix(rows: rank, columns: input),
                up: values.matrix(rows: rank, columns: output),
                downGradient: gradients.matrix(rows: rank, columns: input),
                upGradient: gradients.matrix(rows: rank, columns: output),
                scale: Float(settings.alpha / Double(rank)), dropout: settings.dropout)
        }
        return layers.map { layer in
            var layer = layer
            layer.mapParts { weight, part in
                part.adapter = adapter(of: part, input: weight.columns)
            }
            return layer
        }
    }
}

extension DecoderLayer {
    /// The linear maps in the order of their indices, each with the projection it lies in.
    var parts: [(Projection, Projection.Part)] {
        [attention.queryKeyValue, attention.output, feedForward.inner, feedForward.output]
            .flatMap { projection in projection.parts.map { (projection, $0) } }
    }

    /// Changes every linear map, in the same order; `change` is given the projection's weight as well.
    mutating func mapParts(_ change: (Weight, inout Projection.Part) -> Void) {
        attention.queryKeyValue.mapParts(change)
        attention.output.mapParts(change)
        feedForward.inner.mapParts(change)
        feedForward.output.mapParts(change)
    }
}

extension Projection {
    fileprivate mutating func mapParts(_ change: (Weight, inout Part) -> Void) {
        for index in parts.indices { change(weight, &parts[index]) }
    }
}
