// The verbs of training: passes that leave gradients.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

@c @implementation
public func vaccine_model_attention_gradients(
    _ model: OpaquePointer!, _ batch: VaccineBatch, _ options: VaccinePassOptions,
    _ loss: UnsafeMutablePointer<Double>!, _ squared_norms: UnsafeMutablePointer<Double>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, bytes: arraysOf(batch.input_ids.count), products: true) {
        () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        try handle.batch.read(batch, for: handle.decoder)
        let norms = Numbers(count: handle.decoder.configuration.layerCount)
        loss.pointee = try handle.session.attentionGradients(
            handle.batch.packed,
            PassOptions(
                terms: try options.terms(handle.batch.packed, for: handle.decoder),
                seed: options.seed, stream: options.stream, draw: options.draw),
            squaredNorms: norms, interruption: interrupt.interruption)
        for (layer, norm) in norms.enumerated() { squared_norms[layer] = norm }
    }
}

@c @implementation
public func vaccine_model_forward_backward(
    _ model: OpaquePointer!, _ batch: VaccineBatch, _ options: VaccinePassOptions,
    _ perturbation: VaccinePerturbation, _ report: UnsafeMutablePointer<VaccineStepReport>!,
    _ perturbation_norms: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, bytes: arraysOf(batch.input_ids.count), products: true) {
        () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        let clock = ContinuousClock()
        let start = clock.now
        let pass: PassOptions
        do throws(VaccineError) {
            try handle.batch.read(batch, for: handle.decoder)
            pass = PassOptions(
                perturbation: try Perturbation(perturbation, for: handle.decoder),
                terms: try options.terms(handle.batch.packed, for: handle.decoder),
                weight: options.weight, seed: options.seed, stream: options.stream,
                draw: options.draw)
        } catch {
            handle.decoder.zeroGradients()
            throw error
        }
        let packed = handle.batch.packed
        let step = try handle.session.forwardBackward(
            packed, pass, interruption: interrupt.interruption)
        for (layer, norm) in step.perturbationNorms.enumerated() {
            perturbation_norms[layer] = norm
        }
        report.pointee = VaccineStepReport(
            loss: step.loss, clean_loss: step.cleanLoss, gradient_norm: step.gradientNorm,
            attention_gradient_norm: step.attentionGradientNorm,
            tokens: Int64(packed.givenCount), supervised: Int64(packed.supervisedRows.count),
            seconds: (clock.now - start) / .seconds(1))
    }
}

@c @implementation
public func vaccine_model_backward_from(
    _ model: OpaquePointer!, _ batch: VaccineBatch, _ gradients: VaccineCallerGradients,
    _ options: VaccinePassOptions, _ dropout: Bool,
    _ gradient_norm: UnsafeMutablePointer<Double>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, bytes: arraysOf(batch.input_ids.count), products: true) {
        () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        let states: StateGradients?
        let logits: Matrix?
        do throws(VaccineError) {
            try handle.batch.read(batch, for: handle.decoder, trimming: false)
            states = try gradients.states(handle.batch.packed, for: handle.decoder)
            logits = try gradients.logits(handle.batch.packed, for: handle.decoder)
        } catch {
            handle.decoder.zeroGradients()
            throw error
        }
        gradient_norm.pointee = try handle.session.backward(
            handle.batch.packed, from: states, logits: logits,
            masks: dropout
                ? PassOptions(seed: options.seed, stream: options.stream, draw: options.draw) : nil,
            interruption: interrupt.interruption)
    }
}

@c @implementation
public func vaccine_model_log_probabilities(
    _ model: OpaquePointer!, _ batch: VaccineBatch, _ output: UnsafeMutablePointer<Float>!,
    _ rows: Int64, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, bytes: arraysOf(batch.input_ids.count), products: true) {
        () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        try handle.batch.read(batch, for: handle.decoder)
        let packed = handle.batch.packed
        guard !packed.supervisedRows.isEmpty else {
            throw .value("labels: no token of the batch is supervised")
        }
        guard rows == Int64(packed.supervisedRows.count) else {
            throw .value("rows must be \(packed.supervisedRows.count), got \(rows)")
        }
        try handle.decoder.logProbabilities(
            packed, interruption: interrupt.interruption,
            into: .borrowed(
                output, rows: Int(rows), columns: handle.decoder.configuration.vocabularySize))
    }
}

@c @implementation
public func vaccine_model_zero_gradients(
    _ model: OpaquePointer!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try ModelHandle.at(model).decoder.zeroGradients()
    }
}

@c @implementation
public func vaccine_model_set_frozen(
    _ model: OpaquePointer!, _ names: UnsafePointer<UnsafePointer<CChar>?>!, _ count: Int32,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let names = (0..<Int(count)).compactMap { index in
            names[index].map { String(cString: $0) }
        }
        try ModelHandle.at(model).session.freeze(names)
    }
}

@c @implementation
public func vaccine_model_training_tokens(
    _ model: OpaquePointer!, _ kind: VaccineTrainingStates
) -> Int64 {
    guard let session = try? ModelHandle.at(model).session,
        let content = try? TrainingSession.Content(kind), session.content == content
    else { return 0 }
    return Int64(session.tokens)
}

@c @implementation
public func vaccine_model_read_training_states(
    _ model: OpaquePointer!, _ kind: VaccineTrainingStates,
    _ output: UnsafeMutablePointer<Float>!, _ capacity: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let session = try ModelHandle.at(model).session
        let content = try TrainingSession.Content(kind)
        guard let layers = session.states(content) else {
            throw .state(
                content == .perturbations
                    ? "the last step was not perturbed, or the adapter has changed since"
                    : "the last pass left no attention gradients, or the adapter has changed since")
        }
        let size = session.tokens * session.model.configuration.hiddenSize
        guard capacity >= Int64(layers.count * size) else {
            throw .value("output must have room for \(counted(layers.count * size, "float"))")
        }
        for (index, layer) in layers.enumerated() {
            let target = Matrix.borrowed(
                output + index * size, rows: session.tokens, columns: layer.columns)
            target.rows(0..<layer.rows).copy(from: layer)
            target.scatter(session.places)
        }
    }
}

extension TrainingSession.Content {
    fileprivate init(_ kind: VaccineTrainingStates) throws(VaccineError) {
        switch kind {
        case VACCINE_STATES_PERTURBATIONS: self = .perturbations
        case VACCINE_STATES_ATTENTION_GRADIENTS: self = .attentionGradients
        default: throw .value("kind: unknown states \(kind.rawValue)")
        }
    }
}
