// The model's life, its tensors and its adapter.

public import CVaccine
internal import VaccineNumerics
internal import VaccineTraining
internal import VaccineTransformer

@c @implementation
public func vaccine_model_create(
    _ description: VaccineDescription, _ model: UnsafeMutablePointer<OpaquePointer?>!,
    _ sizes: UnsafeMutablePointer<VaccineModelSizes>!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let configuration = try ModelConfiguration(ModelDescription(description))
        let decoder = try Decoder(configuration, interruption: interrupt.interruption)
        model.pointee = retained(ModelHandle(decoder))
        sizes.pointee = VaccineModelSizes(
            vocabulary_size: Int32(configuration.vocabularySize),
            hidden_size: Int32(configuration.hiddenSize),
            layer_count: Int32(configuration.layerCount),
            context_length: Int32(configuration.contextLength))
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
        info.pointee = handle.info(tensors[Int(index)])
    }
}

@c @implementation
public func vaccine_model_find_tensor(
    _ model: OpaquePointer!, _ kind: VaccineTensorKind, _ name: UnsafePointer<CChar>!,
    _ info: UnsafeMutablePointer<VaccineTensorInfo>!,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        info.pointee = handle.info(
            try handle.decoder.tensor(TensorKind(kind), named: String(cString: name)))
    }
}

extension ModelHandle {
    fileprivate func info(_ tensor: NamedTensor) -> VaccineTensorInfo {
        VaccineTensorInfo(
            name: name(tensor.name), rows: Int64(tensor.shape.rows),
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
public func vaccine_model_read_merged(
    _ model: OpaquePointer!, _ name: UnsafePointer<CChar>!,
    _ output: UnsafeMutablePointer<Float>!, _ capacity: Int64,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let (decoder, name) = (try ModelHandle.at(model).decoder, String(cString: name))
        let tensor = try decoder.tensor(.weight, named: name)
        try tensor.read(into: output, capacity: capacity)
        let (rows, columns) = tensor.fileRowsAndColumns
        decoder.addUpdates(
            ofWeight: name, to: .borrowed(output, rows: rows, columns: columns))
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

@c @implementation
public func vaccine_model_lend_tensor(
    _ model: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ tensor: VaccineBlockTensor,
    _ interrupt: VaccineInterrupt, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        guard let bytes = tensor.bytes, let format = tensor.format else {
            throw .value("blocks must not be NULL")
        }
        let memory = BlockMemory(
            base: bytes, rows: Int(tensor.rows), rowBytes: Int(tensor.row_bytes),
            format: String(cString: format),
            order: tensor.order.values == nil ? nil : try tensor.order.integers("order"))
        try ModelHandle.at(model).decoder.lend(
            memory, to: String(cString: name), interruption: interrupt.interruption)
    }
}

// MARK: - Adapter

@c @implementation
public func vaccine_model_add_adapter(
    _ model: OpaquePointer!, _ modules: UnsafePointer<VaccineAdaptedModule>!, _ count: Int64,
    _ dropout: Double, _ seed: UInt64, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let chosen = (0..<Int(count)).map { index in
            AdapterConfiguration.Module(
                name: modules[index].name.map { String(cString: $0) } ?? "",
                rank: Int(modules[index].rank), scale: modules[index].scale)
        }
        let handle = try ModelHandle.at(model)
        try handle.decoder.addAdapter(
            AdapterConfiguration(modules: chosen, dropout: dropout),
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
public func vaccine_model_freeze_adapter(
    _ model: OpaquePointer!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        try handle.decoder.freezeAdapter()
        handle.session.adapterChanged()
    }
}

@c @implementation
public func vaccine_model_remove_frozen_adapters(
    _ model: OpaquePointer!, _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        handle.decoder.removeFrozenAdapters()
        handle.session.forget()
    }
}

@c @implementation
public func vaccine_model_merge_adapter(
    _ model: OpaquePointer!, _ interrupt: VaccineInterrupt,
    _ message: UnsafeMutablePointer<VaccineMessage>!
) -> VaccineStatus {
    status(message, products: true) { () throws(VaccineError) in
        let handle = try ModelHandle.at(model)
        try handle.decoder.mergeAdapter(interruption: interrupt.interruption)
        handle.session.adapterChanged()
    }
}

extension ModelDescription {
    fileprivate init(_ description: VaccineDescription) throws(VaccineError) {
        var values: [String: Value] = [:]
        for index in 0..<Int(description.count) {
            let item = description.values[index]
            values[String(cString: item.name)] =
                switch item.kind {
                case VACCINE_FLAG: .flag(item.integer != 0)
                case VACCINE_INTEGER: .integer(Int(item.integer))
                case VACCINE_REAL: .real(item.real)
                case VACCINE_TEXT: .text(String(cString: item.text))
                case VACCINE_NUMBERS:
                    .numbers(
                        Array(UnsafeBufferPointer(start: item.numbers, count: Int(item.count))))
                case VACCINE_OTHER: .other(String(cString: item.text))
                default: throw .value("unknown kind of value \(item.kind.rawValue)")
                }
        }
        self.init(values)
    }
}
