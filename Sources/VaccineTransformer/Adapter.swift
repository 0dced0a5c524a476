package import VaccineNumerics

/// The settings of a low-rank adapter.
package struct AdapterConfiguration: Sendable, Equatable {
    /// How one linear map, or that of every layer, is adapted.
    package struct Module: Sendable, Equatable {
        /// The checkpoint's name (model.layers.0.self_attn.q_proj), or its last component, which means that
        /// map of every layer.
        package var name: String
        package var rank: Int
        /// By which the adapter's output is multiplied.
        package var scale: Double

        package init(name: String, rank: Int, scale: Double) {
            self.name = name
            self.rank = rank
            self.scale = scale
        }
    }

    package var modules: [Module]
    package var dropout: Double

    package init(modules: [Module], dropout: Double) {
        self.modules = modules
        self.dropout = dropout
    }

    /// One rank, and the scale α / r, for all of these.
    package init(rank: Int, alpha: Double, dropout: Double, targets: [String]) {
        self.init(
            modules: targets.map { Module(name: $0, rank: rank, scale: alpha / Double(rank)) },
            dropout: dropout)
    }

    /// - Throws: `VaccineError.value` for numbers out of range, a name that comes twice, or none at all.
    func validate() throws(VaccineError) {
        guard (0...0.5).contains(dropout) else {
            throw .value("dropout must be in [0, 0.5], got \(dropout)")
        }
        guard !modules.isEmpty else { throw .value("targets must name at least one projection") }
        var names: Set<String> = []
        for module in modules {
            guard module.rank >= 1 else {
                throw .value("rank must be at least 1, got \(module.rank)")
            }
            _ = try float32(module.scale, "alpha / rank", positive: true)
            guard names.insert(module.name).inserted else {
                throw .value("targets: '\(module.name)' comes twice")
            }
        }
    }
}

/// The factors of all adapted projections and their gradients, in two arenas.
package struct AdapterMemory {
    package let configuration: AdapterConfiguration
    /// The largest.
    let rank: Int
    let values: Arena
    let gradients: Arena
    /// The factors and their gradients under their names, in the order of the computation.
    let factors: (values: TensorTable, gradients: TensorTable)
}

extension Decoder {
    /// Adds a fresh adapter: A ~ U(±1/√in), B = 0, so that the model computes what it did before.
    ///
    /// - Throws: `VaccineError.state` if there is one already; `.value` for faulty settings, a module that the
    ///   model lacks, or a rank above a matrix's smaller side.
    /// - SeeAlso: PEFT's `kaiming_uniform_(a=√5)`, whose bound is 1/√in.
    package func addAdapter(
        _ settings: AdapterConfiguration, seed: UInt64
    ) throws(VaccineError) {
        guard adapter == nil else {
            throw .state("the model has an adapter already; merge or remove it first")
        }
        let chosen = try modules(of: settings)
        let (valuePlan, gradientPlan) = (Arena(), Arena())
        _ = adapted(chosen, settings, values: valuePlan, gradients: gradientPlan)
        let values = try Arena(byteCount: valuePlan.byteCount, purpose: "the adapter")
        let gradients = try Arena(
            byteCount: gradientPlan.byteCount, purpose: "the adapter's gradients")
        layers = adapted(chosen, settings, values: values, gradients: gradients)
        adapter = AdapterMemory(
            configuration: settings, rank: chosen.values.map(\.rank).max() ?? 0, values: values,
            gradients: gradients,
            factors: (
                adapterTable(layers) { ($0.down, $0.up) },
                adapterTable(layers) { ($0.downGradient, $0.upGradient) }
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

    package func zeroGradients() {
        for tensor in tensors(.gradient) { tensor.matrix.fill(0) }
    }

    /// How the linear maps are adapted, by their numbers.
    private func modules(
        of settings: AdapterConfiguration
    ) throws(VaccineError) -> [Int: AdapterConfiguration.Module] {
        try settings.validate()
        let named = Dictionary(uniqueKeysWithValues: settings.modules.map { ($0.name, $0) })
        var (chosen, met) = ([Int: AdapterConfiguration.Module](), Set<String>())
        for layer in layers {
            for (projection, part) in layer.parts {
                guard let module = named[part.module] ?? named[part.name] else { continue }
                let smaller = min(projection.weight.columns, part.range.count)
                guard module.rank <= smaller else {
                    throw .value(
                        "rank must be at most \(smaller), the smaller side of \(part.name), "
                            + "got \(module.rank)")
                }
                chosen[part.index] = module
                met.insert(module.name)
            }
        }
        for module in settings.modules where !met.contains(module.name) {
            throw .value(
                "targets: unknown projection '\(module.name)'; known are "
                    + configuration.adapterTargets.joined(separator: ", "))
        }
        return chosen
    }

    /// The layers with adapters laid out in two arenas.
    private func adapted(
        _ modules: [Int: AdapterConfiguration.Module], _ settings: AdapterConfiguration,
        values: Arena, gradients: Arena
    ) -> [DecoderLayer] {
        func adapter(of part: Projection.Part, input: Int) -> LowRankAdapter? {
            guard let module = modules[part.index] else { return nil }
            let (rank, output) = (module.rank, part.range.count)
            return LowRankAdapter(
                update: LowRankUpdate(
                    down: values.matrix(rows: rank, columns: input),
                    up: values.matrix(rows: rank, columns: output), scale: Float(module.scale)),
                downGradient: gradients.matrix(rows: rank, columns: input),
                upGradient: gradients.matrix(rows: rank, columns: output),
                dropout: settings.dropout)
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
