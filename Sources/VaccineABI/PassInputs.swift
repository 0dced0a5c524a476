// What a pass is given besides its batch, out of the contract's structs.

internal import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

extension Perturbation {
    init(
        _ perturbation: VaccinePerturbation, for model: Decoder
    ) throws(VaccineError) {
        let layers =
            perturbation.layers.values == nil
            ? nil : try perturbation.layers.integers("layers")
        switch perturbation.kind {
        case VACCINE_PERTURBATION_NONE: self = .none
        case VACCINE_PERTURBATION_WORST:
            self = .worst(
                rho: perturbation.rho, layers: layers,
                norm: perturbation.norm == VACCINE_NORM_ALL ? .all : .chosen)
        case VACCINE_PERTURBATION_GAUSSIAN:
            self = .gaussian(variance: perturbation.variance, layers: layers)
        case VACCINE_PERTURBATION_SCALED:
            self = .scaled(factor: perturbation.factor, layers: layers)
        case VACCINE_PERTURBATION_GIVEN:
            let width = model.configuration.hiddenSize
            guard let values = perturbation.values else {
                throw .value("values must be given, got none")
            }
            guard perturbation.count % Int64(width) == 0 else {
                throw .value(
                    "values must have \(counted(width, "channel")), got "
                        + counted(perturbation.count, "number"))
            }
            self = .given(
                .borrowed(values, rows: Int(perturbation.count) / width, columns: width))
        default: throw .value("perturbation: unknown kind \(perturbation.kind.rawValue)")
        }
    }
}

extension VaccinePassOptions {
    /// What the loss has beside the mean cross-entropy of a batch.
    func terms(
        _ batch: PackedBatch, for model: Decoder
    ) throws(VaccineError) -> LossTerms? {
        guard token_weights != nil || reference != nil else { return nil }
        let vocabulary = model.configuration.vocabularySize
        var weights: [Float]?
        if let values = token_weights {
            guard token_weight_count == Int64(batch.givenCount) else {
                throw .value(
                    "weights must be finite, one for each of "
                        + "\(counted(batch.givenCount, "token")), got \(token_weight_count)")
            }
            // A row predicts the token after it, whose weight it gets.
            weights = batch.supervisedRows.map { values[batch.givenIndices[$0] + 1] }
        }
        var logarithms: Matrix?
        if let reference {
            guard reference_count % Int64(vocabulary) == 0 else {
                throw .value("reference must have \(counted(vocabulary, "column"))")
            }
            logarithms = .borrowed(
                reference, rows: Int(reference_count) / vocabulary, columns: vocabulary)
        }
        return try LossTerms(
            weights: weights, reference: logarithms, referenceWeight: reference_weight,
            rows: batch.supervisedRows.count, vocabularySize: vocabulary)
    }
}

extension VaccineCallerGradients {
    func states(
        _ batch: PackedBatch, for model: Decoder
    ) throws(VaccineError) -> StateGradients? {
        let (kinds, layers) = try (
            self.kinds.integers("states"), self.layers.integers("layers")
        )
        let (tokens, width) = (batch.tokenCount, model.configuration.hiddenSize)
        let size = tokens * width
        guard kinds.count == layers.count,
            kinds.count <= HiddenState.allCases.count * model.layers.count,
            Int64(kinds.count * size) == state_count
        else {
            throw .value(
                "states must be [\(layers.count), \(tokens), \(width)], got "
                    + counted(state_count, "number"))
        }
        guard !kinds.isEmpty, let values = self.values else { return nil }
        var result = StateGradients(layers: model.layers.count)
        for (index, (kind, layer)) in zip(kinds, layers).enumerated() {
            guard model.layers.indices.contains(layer) else {
                throw .value("states: the layer must be in \(model.layers.indices), got \(layer)")
            }
            let state = try HiddenState(VaccineHiddenState(UInt32(clamping: kind)))
            let matrix = Matrix.borrowed(values + index * size, rows: tokens, columns: width)
            if let place = matrix.firstNonFinite() {
                throw .value(
                    "states: the gradient of layer \(layer) is not finite at token \(place.row)")
            }
            guard result[state, layer] == nil else {
                throw .value("states: two gradients of the same state of layer \(layer)")
            }
            result[state, layer] = matrix
        }
        return result
    }

    func logits(
        _ batch: PackedBatch, for model: Decoder
    ) throws(VaccineError) -> Matrix? {
        guard let logits else { return nil }
        let (rows, columns) = (
            batch.supervisedRows.count, model.configuration.vocabularySize
        )
        guard logit_count == Int64(rows * columns) else {
            throw .value(
                "logits must be [\(rows), \(columns)], a row for each supervised token, got "
                    + counted(logit_count, "number"))
        }
        let matrix = Matrix.borrowed(logits, rows: rows, columns: columns)
        if let place = matrix.firstNonFinite() {
            throw .value("logits: the gradient at [\(place.row), \(place.column)] is not finite")
        }
        return matrix
    }
}
