internal import VaccineNumerics

// The tensors of a model and of its adapter under the names that checkpoints have for them.

/// The frozen weights, in the order of the computation.
func weightTable(
    _ names: ModuleNames, embedding: Embedding, positions: any PositionEncoding,
    layers: [DecoderLayer], head: LanguageHead, tied: Bool
) -> TensorTable {
    var tensors: [NamedTensor] = []
    func add(_ weight: Weight?, _ module: String) {
        guard let weight else { return }
        tensors.append(NamedTensor(name: names.name(of: module) + ".weight", weight: weight))
    }
    add(embedding.weight, "embedding")
    add(embedding.projection, "embedding_projection")
    tensors += positions.weights.map {
        NamedTensor(name: names.name(of: "positions") + ".\($0.ending)", weight: $0.values)
    }
    func add(_ norm: any Norm, _ name: String) {
        tensors += norm.weights.map {
            NamedTensor(name: "\(name).\($0.ending)", matrix: $0.values, layout: .vector)
        }
    }
    for layer in layers {
        add(layer.attentionNorm.norm, names.name(of: "attention_norm", layer: layer.index))
        add(layer.feedForwardNorm.norm, names.name(of: "feed_forward_norm", layer: layer.index))
        for (norm, module) in zip(
            [layer.attentionNorm.outputNorm, layer.feedForwardNorm.outputNorm],
            NormPlacement.outputModules)
        {
            guard let norm else { continue }
            add(norm, names.name(of: module, layer: layer.index))
        }
        for (projection, part) in layer.parts {
            tensors.append(
                NamedTensor(
                    name: "\(part.module).weight", weight: projection.weight.rows(part.range),
                    rowOrder: part.rowOrder))
            if let bias = projection.bias {
                tensors.append(
                    NamedTensor(
                        name: "\(part.module).bias", matrix: bias.columns(part.range),
                        layout: .vector, rowOrder: part.rowOrder))
            }
        }
        if let norm = layer.attention.norm {
            add(norm.query, names.name(of: "query_norm", layer: layer.index))
            add(norm.key, names.name(of: "key_norm", layer: layer.index))
        }
    }
    add(head.norm, names.name(of: "final_norm"))
    add(head.projection, "head_projection")
    if !tied { add(head.weight, "head") }
    return TensorTable(tensors)
}

/// The factors of low-rank updates of the layers' linear maps, or their gradients, under PEFT's names after
/// `prefix`.
///
/// - Parameter factors: the two of an adapter, rank-major.
func adapterTable(
    _ layers: [DecoderLayer], prefix: String = "",
    factors: (LowRankAdapter) -> (down: Matrix, up: Matrix)
) -> TensorTable {
    TensorTable(
        layers.flatMap(\.parts).flatMap { _, part -> [NamedTensor] in
            guard let (down, up) = part.adapter.map(factors) else { return [] }
            let name = "\(prefix)base_model.model.\(part.module)"
            return [
                NamedTensor(name: "\(name).lora_A.weight", matrix: down, layout: .matrix),
                NamedTensor(
                    name: "\(name).lora_B.weight", matrix: up, layout: .transposed,
                    rowOrder: part.rowOrder),
            ]
        })
}
