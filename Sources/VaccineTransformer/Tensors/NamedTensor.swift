package import VaccineNumerics

/// What a tensor of a model is.
package enum TensorKind: Sendable {
    /// A weight, by its Hugging Face name.
    case weight
    /// A factor of the adapter, by its PEFT name.
    case adapter
    /// The gradient of that factor, by the same name.
    case gradient
    /// A factor of the frozen adapter N, by its PEFT name after `frozen.N.`.
    case frozen
}

/// A tensor under its checkpoint name.
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
    /// Of the rows in files (of a vector: the elements); nil: as they are here.
    let rowOrder: RowOrder?

    init(name: String, matrix: Matrix, layout: Layout, rowOrder: RowOrder? = nil) {
        self.name = name
        storage = .values(matrix)
        self.layout = layout
        self.rowOrder = rowOrder
    }

    init(name: String, weight: Weight, rowOrder: RowOrder? = nil) {
        self.name = name
        storage = .weight(weight)
        layout = .matrix
        self.rowOrder = rowOrder
    }

    /// Other numbers of the same shape under the same name.
    ///
    /// - Precondition: it is not a weight in another precision than float32.
    package func like(_ matrix: Matrix) -> NamedTensor {
        NamedTensor(name: name, matrix: matrix, layout: layout, rowOrder: rowOrder)
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

    /// The weight, if it is held as blocks.
    var blocks: Weight? {
        if case .weight(let weight) = storage, weight.precision == .blocks { weight } else { nil }
    }

    /// What a number must stay below in size.
    var limit: Float { if case .weight(let weight) = storage { weight.limit } else { .infinity } }

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
        guard rowOrder == nil else {
            for (part, file) in parts(of: output) { part.read(into: file) }
            return
        }
        switch storage {
        case .weight(let weight): weight.read(into: output)
        case .values(let matrix) where layout == .transposed: transpose(matrix, into: output)
        case .values(let matrix): output.copy(from: matrix)
        }
    }

    /// Copies from row-major memory of the file's shape.
    package func write(_ values: Matrix) {
        guard rowOrder == nil else {
            for (part, file) in parts(of: values) { part.write(file) }
            return
        }
        switch storage {
        case .weight(let weight): weight.write(values)
        case .values(let matrix) where layout == .transposed: transpose(values, into: matrix)
        case .values(let matrix): matrix.copy(from: values)
        }
    }

    /// What lies together here and in memory of the file's shape, in pairs.
    private func parts(of file: Matrix) -> [(NamedTensor, Matrix)] {
        (rowOrder?.runs ?? []).map { run in
            let part =
                switch storage {
                case .weight(let weight):
                    NamedTensor(name: name, weight: weight.rows(run.model))
                case .values(let matrix):
                    NamedTensor(name: name, matrix: matrix.columns(run.model), layout: layout)
                }
            return (part, layout == .vector ? file.columns(run.file) : file.rows(run.file))
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

/// Tensors in the order of the computation, found by name without a search.
struct TensorTable {
    let tensors: [NamedTensor]
    private let indices: [String: Int]

    init(_ tensors: [NamedTensor]) {
        self.tensors = tensors
        indices = Dictionary(zip(tensors.map(\.name), tensors.indices)) { first, _ in first }
    }

    func index(of name: String) -> Int? { indices[name] }
}
