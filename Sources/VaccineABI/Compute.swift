// The long calls: forward passes, training steps and generation.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

@c @implementation
public func vaccine_model_reserve(
    _ model: OpaquePointer!, _ tokens: Int64, _ sequences: Int64, _ use: VaccineWorkspace,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        let bound: ClosedRange<Int64> = 1...1 << 32
        guard bound.contains(tokens) else {
            throw .value("tokens must be in [1, 2^32], got \(tokens)")
        }
        guard (1...tokens).contains(sequences) else {
            throw .value("sequences must be in [1, tokens], got \(sequences)")
        }
        let longest = min(Int(tokens), handle.decoder.configuration.contextLength)
        switch use {
        case VACCINE_WORKSPACE_INFERENCE:
            try handle.decoder.reserve(
                tokens: Int(tokens), sequences: Int(sequences), longest: longest, training: false)
        case VACCINE_WORKSPACE_TRAINING, VACCINE_WORKSPACE_PERTURBED_TRAINING:
            try handle.session.reserve(
                tokens: Int(tokens), sequences: Int(sequences), longest: longest,
                perturbed: use == VACCINE_WORKSPACE_PERTURBED_TRAINING)
        default: throw .value("use: unknown kind of workspace \(use.rawValue)")
        }
    }
}

@c @implementation
public func vaccine_model_logits(
    _ model: OpaquePointer!, _ input_ids: VaccineIntegers, _ logits: UnsafeMutablePointer<Float>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let decoder = try ModelHandle.at(model).decoder
        let ids = try input_ids.tokens("input_ids")
        let output = Matrix.borrowed(
            logits, rows: ids.count, columns: decoder.configuration.vocabularySize)
        try decoder.logits(ids, interruption: interrupt.interruption, into: output)
    }
}

@c @implementation
public func vaccine_model_hidden_states(
    _ model: OpaquePointer!, _ input_ids: VaccineIntegers, _ offsets: VaccineIntegers,
    _ choice: VaccineStateChoice, _ outputs: UnsafeMutablePointer<Float>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, bytes: arraysOf(input_ids.count), products: true) { () throws(VaccineError) in
        let decoder = try ModelHandle.at(model).decoder
        let packed = try PackedBatch(
            inputIDs: input_ids.tokens("input_ids"), labels: nil,
            offsets: offsets.integers("offsets"), configuration: decoder.configuration)
        let layers = try choice.layers.integers("layers")
        let known = 0..<decoder.configuration.layerCount
        guard !layers.isEmpty, layers.allSatisfy(known.contains),
            zip(layers, layers.dropFirst()).allSatisfy({ $0 < $1 })
        else {
            throw .value("layers must rise strictly within \(known), got \(layers)")
        }
        let bounds = try choice.bounds.integers("bounds")
        let pooling = try Pooling(
            rows: choice.rows.integers("rows"), bounds: bounds, tokens: packed.tokenCount)
        try decoder.hiddenStates(
            HiddenState(choice.kind), of: packed, layers: layers, pooling: pooling,
            interruption: interrupt.interruption,
            into: .borrowed(
                outputs, rows: layers.count * (bounds.count - 1),
                columns: decoder.configuration.hiddenSize))
    }
}

@c @implementation
public func vaccine_model_loss(
    _ model: OpaquePointer!, _ batch: VaccineBatch, _ loss: UnsafeMutablePointer<Double>!,
    _ supervised: UnsafeMutablePointer<Int64>!, _ token_losses: UnsafeMutablePointer<Float>!,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, bytes: arraysOf(batch.input_ids.count), products: true) {
        () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        let decoder = handle.decoder
        try handle.batch.read(batch, for: decoder)
        let packed = handle.batch.packed
        guard !packed.supervisedRows.isEmpty else {
            throw .value("labels: no token of the batch is supervised")
        }
        let count = packed.supervisedRows.count
        loss.pointee = try decoder.loss(
            packed, interruption: interrupt.interruption,
            losses: token_losses.map { .borrowed($0, rows: count, columns: 1) })
        supervised.pointee = Int64(count)
    }
}

// MARK: - Generation

@c @implementation
public func vaccine_model_generate(
    _ model: OpaquePointer!, _ input_ids: VaccineIntegers, _ offsets: VaccineIntegers,
    _ options: VaccineGenerationOptions, _ output: UnsafeMutablePointer<Int32>!,
    _ lengths: UnsafeMutablePointer<Int64>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(
        message,
        bytes: arraysOf(input_ids.count) + arraysOf(offsets.count, options.width),
        products: true
    ) { () throws(VaccineError) in
        let decoder = try ModelHandle.at(model).decoder
        let prompts = try PackedBatch(
            inputIDs: input_ids.tokens("input_ids"), labels: nil,
            offsets: offsets.integers("offsets"), configuration: decoder.configuration)
        let limits = try options.limits.integers("max_new_tokens")
        let width = Int(options.width)
        guard width >= min(limits.max() ?? 0, decoder.configuration.contextLength) else {
            throw .value("width must be at least the largest limit, got \(width)")
        }
        let continuations = try decoder.generate(
            prompts, limits: limits,
            sampling: Sampling(
                temperature: options.temperature, topP: options.top_p, seed: options.seed,
                firstPrompt: options.first_prompt),
            endTokens: Set(options.end_tokens.tokens("end_tokens")),
            interruption: interrupt.interruption)
        for (prompt, tokens) in continuations.enumerated() {
            lengths[prompt] = Int64(tokens.count)
            for (place, token) in tokens.enumerated() {
                output[prompt * width + place] = token
            }
        }
    }
}

extension HiddenState {
    init(_ kind: VaccineHiddenState) throws(VaccineError) {
        switch kind {
        case VACCINE_STATE_ATTENTION: self = .attention
        case VACCINE_STATE_MLP: self = .feedForward
        case VACCINE_STATE_RESIDUAL: self = .residual
        default: throw .value("kind of state is unknown: \(kind.rawValue)")
        }
    }
}
