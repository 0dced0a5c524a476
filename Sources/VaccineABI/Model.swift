// The model's life, its tensors and its adapter.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

@c @implementation
public func vaccine_model_create(
    _ configuration: UnsafePointer<VaccineModelConfiguration>!,
    _ model: UnsafeMutablePointer<OpaquePointer?>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let decoder = try Decoder(ModelConfiguration(configuration.pointee))
        model.pointee = retained(ModelHandle(decoder))
    }
}

@c @implementation
public func vaccine_model_destroy(_ model: OpaquePointer!) {
    release(model, as: ModelHandle.self)
}

@c @implementation
public func vaccine_model_initialise(
    _ model: OpaquePointer!, _ seed: UInt64, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try ModelHandle.at(model).decoder.initialise(
            seed: seed, interruption: interrupt.interruption)
    }
}

@c @implementation
public func vaccine_model_check_complete(
    _ model: OpaquePointer!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        try ModelHandle.at(model).decoder.checkComplete()
    }
}

// MARK: - Tensors by name

@c @implementation
public func vaccine_model_tensor_count(
    _ model: OpaquePointer!, _ kind: VaccineTensorKind
) -> Int64 {
    guard let handle = try? ModelHandle.at(model), let kind = try? TensorKind(kind) else {
        return 0
    }
    return Int64(handle.decoder.tensors(kind).count)
}

@c @implementation
public func vaccine_model_tensor_info(
    _ model: OpaquePointer!, _ kind: VaccineTensorKind, _ index: Int64,
    _ info: UnsafeMutablePointer<VaccineTensorInfo>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        let tensors = handle.decoder.tensors(try TensorKind(kind))
        guard tensors.indices.contains(Int(index)) else {
            throw .value("index: there is no tensor \(index) among \(tensors.count)")
        }
        let tensor = tensors[Int(index)]
        info.pointee = VaccineTensorInfo(
            name: handle.name(tensor.name), rows: Int64(tensor.shape.rows),
            columns: Int64(tensor.shape.columns))
    }
}

@c @implementation
public func vaccine_model_read_tensor(
    _ model: OpaquePointer!, _ kind: VaccineTensorKind, _ name: UnsafePointer<CChar>!,
    _ output: UnsafeMutablePointer<Float>!, _ capacity: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let tensor = try ModelHandle.at(model).decoder.tensor(
            TensorKind(kind), named: String(cString: name))
        try tensor.read(into: output, capacity: capacity)
    }
}

@c @implementation
public func vaccine_model_write_tensor(
    _ model: OpaquePointer!, _ kind: VaccineTensorKind, _ name: UnsafePointer<CChar>!,
    _ values: UnsafePointer<Float>!, _ rows: Int64, _ columns: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let shape = (rows: Int(rows), columns: Int(columns))
        let matrix = Matrix.borrowed(
            values, rows: columns == 0 ? 1 : shape.rows,
            columns: columns == 0 ? shape.rows : shape.columns)
        try ModelHandle.at(model).decoder.write(
            TensorKind(kind), named: String(cString: name), matrix, shape: shape)
    }
}

// MARK: - Adapter

@c @implementation
public func vaccine_model_add_adapter(
    _ model: OpaquePointer!, _ rank: Int32, _ alpha: Double, _ dropout: Double,
    _ targets: UnsafePointer<UnsafePointer<CChar>?>!, _ target_count: Int32, _ seed: UInt64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let names = (0..<Int(target_count)).compactMap { index in
            targets[index].map { String(cString: $0) }
        }
        let handle = try ModelHandle.at(model)
        try handle.decoder.addAdapter(
            AdapterConfiguration(rank: Int(rank), alpha: alpha, dropout: dropout, targets: names),
            seed: seed)
        handle.session.adapterChanged()
    }
}

@c @implementation
public func vaccine_model_remove_adapter(
    _ model: OpaquePointer!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        try handle.decoder.removeAdapter()
        handle.session.adapterChanged()
    }
}

@c @implementation
public func vaccine_model_merge_adapter(
    _ model: OpaquePointer!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        try handle.decoder.mergeAdapter(interruption: interrupt.interruption)
        handle.session.adapterChanged()
    }
}

extension ModelConfiguration {
    fileprivate init(_ c: VaccineModelConfiguration) throws(VaccineError) {
        let scaling: RotaryScaling =
            switch c.rotary_scaling {
            case VACCINE_ROTARY_DEFAULT: .none
            case VACCINE_ROTARY_LINEAR: .linear(factor: c.rotary_factor)
            case VACCINE_ROTARY_LLAMA3:
                .llama3(
                    factor: c.rotary_factor, lowFrequencyFactor: c.rotary_low_frequency_factor,
                    highFrequencyFactor: c.rotary_high_frequency_factor,
                    originalContextLength: Int(c.rotary_original_context_length))
            default: throw .value("rotary_scaling: unknown kind \(c.rotary_scaling.rawValue)")
            }
        let precision = try Precision(c.precision)
        self.init(
            vocabularySize: Int(c.vocabulary_size), hiddenSize: Int(c.hidden_size),
            feedForwardSize: Int(c.feed_forward_size), layerCount: Int(c.layer_count),
            headCount: Int(c.head_count), keyValueHeadCount: Int(c.key_value_head_count),
            headSize: Int(c.head_size), contextLength: Int(c.context_length),
            normEpsilon: c.norm_epsilon, tiedEmbeddings: c.tied_embeddings,
            queryKeyValueBias: c.query_key_value_bias,
            attentionOutputBias: c.attention_output_bias, feedForwardBias: c.feed_forward_bias,
            rotaryBase: c.rotary_base, rotaryScaling: scaling, precision: precision)
    }
}
