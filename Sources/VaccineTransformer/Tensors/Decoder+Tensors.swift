package import VaccineNumerics

extension Decoder {
    /// All tensors of a kind, in the order of the computation.
    package func tensors(_ kind: TensorKind) -> [NamedTensor] {
        kind == .frozen ? frozenAdapters.flatMap(\.factors.tensors) : table(kind)?.tensors ?? []
    }

    /// The index of a tensor among those of its kind.
    ///
    /// - Throws: `VaccineError.value` for an unknown name.
    package func index(of kind: TensorKind, named name: String) throws(VaccineError) -> Int {
        if let index = table(kind)?.index(of: name) { return index }
        var before = 0
        for adapter in frozenAdapters where kind == .frozen {
            if let index = adapter.factors.index(of: name) { return before + index }
            before += adapter.factors.tensors.count
        }
        throw .value("name: the model has no \(kind) tensor '\(name)'")
    }

    /// - Throws: as `index(of:named:)`.
    package func tensor(_ kind: TensorKind, named name: String) throws(VaccineError) -> NamedTensor
    {
        tensors(kind)[try index(of: kind, named: name)]
    }

    /// The one table of a kind; nil of frozen adapters, each of which has its own.
    private func table(_ kind: TensorKind) -> TensorTable? {
        switch kind {
        case .weight: weights
        case .adapter: adapter?.factors.values
        case .gradient: adapter?.factors.gradients
        case .frozen: nil
        }
    }

    /// Overwrites a weight, an adapter factor or its gradient.
    ///
    /// - Parameters:
    ///   - values: in the file's shape; a vector is one row.
    ///   - shape: as the caller holds it, `columns` 0 for a vector.
    /// - Throws: `VaccineError.value` for an unknown name, another shape, NaN, infinity, or a number that
    ///   the tensor's precision does not hold.
    package func write(
        _ kind: TensorKind, named name: String, _ values: Matrix, shape: (rows: Int, columns: Int)
    ) throws(VaccineError) {
        let tensor = try tensor(kind, named: name)
        guard tensor.shape == shape else {
            throw .value(
                "\(name): the shape must be \(describe(tensor.shape)), got \(describe(shape))")
        }
        guard tensor.blocks == nil else { throw Decoder.frozenBlocks(name) }
        if let place = values.firstNonFinite(limit: tensor.limit) {
            throw Decoder.notHeld(name, values[place.row, place.column], at: place)
        }
        tensor.write(values)
        if kind == .weight { written.insert(name) }
    }

    /// Lets a weight that is held as blocks read its rows from `memory`.
    ///
    /// - Throws: `VaccineError.value` for an unknown name, a shape, format or order that does not fit, or NaN
    ///   or infinity; `.state` where the weight is held as numbers.
    package func lend(
        _ memory: BlockMemory, to name: String, interruption: Interruption
    ) throws(VaccineError) {
        let tensor = try tensor(.weight, named: name)
        guard let weight = tensor.blocks else {
            throw .state("\(name) is held as numbers; write it")
        }
        let ordered = tensor.rowOrder.map { memory.reordered($0.places) } ?? memory
        try weight.lend(ordered, name: name, interruption: interruption)
        written.insert(name)
    }

    /// What a weight cannot hold: NaN, infinity, or a number that rounds to infinity.
    static func notHeld(
        _ name: String, _ value: Float, at place: (row: Int, column: Int)
    ) -> VaccineError {
        let beyond = value.isFinite ? ", beyond what the weight's precision holds" : ""
        return .value(
            "\(name): the element at [\(place.row), \(place.column)] is \(value)\(beyond)")
    }

    static func frozenBlocks(_ name: String) -> VaccineError {
        .state("\(name) is held as GGUF blocks, which are not overwritten")
    }

    /// - Throws: `VaccineError.value` that names the weights which were never written.
    package func checkComplete() throws(VaccineError) {
        let missing = tensors(.weight).map(\.name).filter { !written.contains($0) }
        guard missing.isEmpty else {
            let more = missing.count > 5 ? " and \(missing.count - 5) more" : ""
            throw .value(
                "missing tensors: \(missing.prefix(5).joined(separator: ", "))\(more)")
        }
    }

    /// Random weights for tests and small experiments: N(0, 0.02²) for matrices, 0 for biases, what changes
    /// nothing for norms.
    package func initialise(seed: UInt64, interruption: Interruption) throws(VaccineError) {
        let neutral = configuration.norm.neutralWeight
        for (index, tensor) in tensors(.weight).enumerated() {
            guard tensor.blocks == nil else { throw Decoder.frozenBlocks(tensor.name) }
            let stream = RandomStream(seed, UInt64(index))
            switch tensor.layout {
            case .vector:
                try tensor.fillInOrder(interruption) { _ in
                    tensor.name.hasSuffix(".bias") ? 0 : neutral
                }
            case .matrix, .transposed:
                try tensor.fillInOrder(interruption) { 0.02 * stream.normal(at: $0) }
            }
            written.insert(tensor.name)
        }
    }
}

private func describe(_ shape: (rows: Int, columns: Int)) -> String {
    shape.columns == 0 ? "[\(shape.rows)]" : "[\(shape.rows), \(shape.columns)]"
}
