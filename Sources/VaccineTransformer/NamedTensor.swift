package import VaccineNumerics

/// What a tensor of a model is.
package enum TensorKind: Sendable {
    /// A weight, by its Hugging Face name.
    case weight
    /// A factor of the adapter, by its PEFT name.
    case adapter
    /// The gradient of that factor, by the same name.
    case gradient
}

/// A tensor under its checkpoint name. This table is the only place that knows those names.
package struct NamedTensor: Sendable {
    package enum Layout: Sendable { case vector, matrix, transposed }

    /// As the model holds it.
    enum Storage {
        case values(Matrix)
        case weight(Weight)
    }

    package let name: String
    let storage: Storage
    /// How files hold it: a vector has one dimension; B is [out, r] in files and [r, out] here.
    package let layout: Layout

    package init(name: String, matrix: Matrix, layout: Layout) {
        self.name = name
        storage = .values(matrix)
        self.layout = layout
    }

    init(name: String, weight: Weight) {
        self.name = name
        storage = .weight(weight)
        layout = .matrix
    }

    /// The floats in memory.
    ///
    /// - Precondition: it is not a weight in another precision than float32.
    package var matrix: Matrix {
        switch storage {
        case .values(let matrix): return matrix
        case .weight(let weight):
            guard let matrix = weight.matrix else { preconditionFailure("not held as floats") }
            return matrix
        }
    }

    /// Rows and columns in memory.
    private var size: (rows: Int, columns: Int) {
        switch storage {
        case .values(let matrix): (matrix.rows, matrix.columns)
        case .weight(let weight): (weight.rows, weight.columns)
        }
    }

    /// The shape in files; `columns` is 0 for a vector.
    package var shape: (rows: Int, columns: Int) {
        switch layout {
        case .vector: (size.columns, 0)
        case .matrix: size
        case .transposed: (size.columns, size.rows)
        }
    }

    /// Copies to row-major memory of the file's shape.
    package func read(into output: Matrix) {
        switch storage {
        case .weight(let weight): weight.read(into: output)
        case .values(let matrix) where layout == .transposed: transpose(matrix, into: output)
        case .values(let matrix): output.copy(from: matrix)
        }
    }

    /// Copies from row-major memory of the file's shape.
    package func write(_ values: Matrix) {
        switch storage {
        case .weight(let weight): weight.write(values)
        case .values(let matrix) where layout == .transposed: transpose(values, into: matrix)
        case .values(let matrix): matrix.copy(from: values)
        }
    }

    /// Element i, in the order of rows, becomes value(i).
    func fillInOrder(
        _ interruption: Interruption, _ value: @Sendable (Int) -> Float
    ) throws(VaccineError) {
        let columns = size.columns
        for rows in Blocks(of: size.rows, work: 64 * columns) {
            try interruption.check()
            let first = rows.lowerBound * columns
            switch storage {
            case .weight(let weight): weight.rows(rows).fillInOrder { value(first + $0) }
            case .values(let matrix): matrix.rows(rows).fillInOrder { value(first + $0) }
            }
        }
    }

    /// The file's shape as a matrix; a vector is one row.
    package var fileRowsAndColumns: (Int, Int) {
        layout == .vector ? (1, size.columns) : shape
    }
}

private func transpose(_ source: Matrix, into target: Matrix) {
    for row in 0..<target.rows {
        var values = target.mutable(row)
        for column in values.indices { values[column] = source[column, row] }
    }
}

extension Decoder {
    /// All tensors of a kind, in the order of the computation.
    package func tensors(_ kind: TensorKind) -> [NamedTensor] {
        switch kind {
        case .weight: weights
        case .adapter: adapter?.factors.values ?? []
        case .gradient: adapter?.factors.gradients ?? []
        }
    }

    private var weights: [NamedTensor] {
        var tensors = [
            NamedTensor(name: "model.embed_tokens.weight", weight: embedding)
        ]
        for (index, layer) in layers.enumerated() {
            let prefix = "model.layers.\(index)"
            tensors.append(
                NamedTensor(
                    name: "\(prefix).input_layernorm.weight", matrix: layer.attentionNorm,
                    layout: .vector))
            tensors.append(
                NamedTensor(
                    name: "\(prefix).post_attention_layernorm.weight",
                    matrix: layer.feedForwardNorm, layout: .vector))
            for (projection, part) in layer.parts {
                let name = "\(prefix).\(block(of: part.name)).\(part.name)"
                tensors.append(
                    NamedTensor(
                        name: "\(name).weight", weight: projection.weight.rows(part.range)))
                if let bias = projection.bias {
                    tensors.append(
                        NamedTensor(
                            name: "\(name).bias", matrix: bias.columns(part.range),
                            layout: .vector))
                }
            }
        }
        tensors.append(
            NamedTensor(name: "model.norm.weight", matrix: finalNorm, layout: .vector))
        if !configuration.tiedEmbeddings {
            tensors.append(NamedTensor(name: "lm_head.weight", weight: head))
        }
        return tensors
    }

    /// The layers' factors, or their gradients.
    func factors(gradient: Bool) -> [NamedTensor] {
        layers.enumerated().flatMap { index, layer in
            layer.parts.flatMap { _, part -> [NamedTensor] in
                guard let adapter = part.adapter else { return [] }
                let name =
                    "base_model.model.model.layers.\(index).\(block(of: part.name)).\(part.name)"
                return [
                    NamedTensor(
                        name: "\(name).lora_A.weight",
                        matrix: gradient ? adapter.downGradient : adapter.down, layout: .matrix),
                    NamedTensor(
                        name: "\(name).lora_B.weight",
                        matrix: gradient ? adapter.upGradient : adapter.up, layout: .transposed),
                ]
            }
        }
    }
}

/// The block in which checkpoints file a linear map.
private func block(of projection: String) -> String {
    ["q_proj", "k_proj", "v_proj", "o_proj"].contains(projection) ? "self_attn" : "mlp"
}
