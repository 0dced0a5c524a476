package import VaccineNumerics
package import VaccineTransformer

/// A model's adapter, its gradient, or numbers of their shape, as one vector.
///
/// The elements follow each other as in files: factor after factor in the order of the computation, each
/// row by row in its file's shape.
package final class FlatVector {
    package enum Source: Sendable { case adapter, gradient, zeros }

    private let model: Decoder
    private let source: Source
    /// The memory of a vector of its own.
    private let own: [NamedTensor]
    private let arena: Arena?

    /// - Throws: `VaccineError.state` without an adapter; `.memory` before allocating.
    package init(_ model: Decoder, _ source: Source) throws(VaccineError) {
        self.model = model
        self.source = source
        let factors = model.tensors(.adapter)
        guard !factors.isEmpty else { throw .state("the model has no adapter") }
        guard source == .zeros else {
            (own, arena) = ([], nil)
            return
        }
        func layOut(_ arena: Arena) -> [NamedTensor] {
            factors.map {
                $0.like(arena.matrix(rows: $0.matrix.rows, columns: $0.matrix.columns))
            }
        }
        let plan = Arena()
        _ = layOut(plan)
        let memory = try Arena(byteCount: plan.byteCount, purpose: "a copy of the adapter")
        (own, arena) = (layOut(memory), memory)
    }

    /// Elements in all.
    package func count() throws(VaccineError) -> Int {
        try tensors().reduce(0) { $0 + $1.matrix.count }
    }

    /// self ← other.
    package func copy(_ other: FlatVector) throws(VaccineError) {
        try pairs(other).forEachInParallel { $0.copy(from: $1) }
    }

    /// self ← self + α · other.
    ///
    /// - Throws: `VaccineError.value` for an α that float32 cannot hold; `.state` for another adapter's vector.
    package func axpy(_ alpha: Double, _ other: FlatVector) throws(VaccineError) {
        let alpha = try float32(alpha, "alpha")
        for (target, source) in try pairs(other).matrices { target.add(source, scale: alpha) }
    }

    /// self ← self + α · a ⊙ b.
    package func addProduct(
        _ alpha: Double, _ a: FlatVector, _ b: FlatVector
    ) throws(VaccineError) {
        let alpha = try float32(alpha, "alpha")
        let (first, second) = try (pairs(a), pairs(b))
        for (index, (target, x)) in first.matrices.enumerated() {
            let y = second.matrices[index].1
            Threads.forEachRange(of: target.rows) { range in
                for row in range {
                    var sums = target.mutable(row)
                    let (left, right) = (x[row], y[row])
                    for column in sums.indices {
                        sums[column] += alpha * left[column] * right[column]
                    }
                }
            }
        }
    }

    /// self ← α · self.
    package func scale(_ alpha: Double) throws(VaccineError) {
        let alpha = try float32(alpha, "alpha")
        for tensor in try tensors() { tensor.matrix.scale(by: alpha) }
    }

    /// Σ self · other in double precision.
    package func dot(_ other: FlatVector) throws(VaccineError) -> Double {
        let pairs = try pairs(other).matrices
        let sums = Numbers(count: pairs.count)
        Threads.forEach(pairs.count) { index, _ in
            sums[index] = VaccineTraining.dot(pairs[index].0, pairs[index].1)
        }
        return sums.reduce(0, +)
    }

    /// Copies the elements to row-major memory of one row.
    package func read(into output: Matrix) throws(VaccineError) {
        var start = 0
        for tensor in try tensors() {
            let (rows, columns) = tensor.fileRowsAndColumns
            let part = output.columns(start..<start + rows * columns)
            tensor.read(into: part.reshaped(rows: rows, columns: columns))
            start += rows * columns
        }
    }

    /// Replaces the elements by those of one row.
    ///
    /// - Throws: `VaccineError.value` for another count, NaN or infinity; then nothing has changed.
    package func write(_ values: Matrix) throws(VaccineError) {
        let count = try count()
        guard values.count == count else {
            throw .value("values must hold \(counted(count, "number")), got \(values.count)")
        }
        if let place = values.firstNonFinite() {
            throw .value("values: the element at [\(place.column)] is not finite")
        }
        var start = 0
        for tensor in try tensors() {
            let (rows, columns) = tensor.fileRowsAndColumns
            let part = values.columns(start..<start + rows * columns)
            tensor.write(part.reshaped(rows: rows, columns: columns))
            start += rows * columns
        }
    }

    private func tensors() throws(VaccineError) -> [NamedTensor] {
        let present = model.tensors(source == .gradient ? .gradient : .adapter)
        guard !present.isEmpty else { throw .state("the model has no adapter any more") }
        return source == .zeros ? own : present
    }

    private func pairs(_ other: FlatVector) throws(VaccineError) -> Pairs {
        let (mine, others) = try (tensors(), other.tensors())
        guard
            mine.count == others.count,
            zip(mine, others).allSatisfy({
                $0.name == $1.name && $0.matrix.hasShape(of: $1.matrix)
            })
        else { throw .state("the vectors belong to different adapters") }
        return Pairs(matrices: zip(mine, others).map { ($0.matrix, $1.matrix) })
    }
}

/// The parts of two vectors that belong to each other.
private struct Pairs: Sendable {
    let matrices: [(Matrix, Matrix)]

    func forEachInParallel(_ body: @Sendable (Matrix, Matrix) -> Void) {
        Threads.forEach(matrices.count) { index, _ in body(matrices[index].0, matrices[index].1) }
    }
}

/// Σ a · b in double precision.
private func dot(_ a: Matrix, _ b: Matrix) -> Double {
    var total = 0.0
    for row in 0..<a.rows {
        let (left, right) = (a[row], b[row])
        var sums = SIMD8<Double>.zero
        var index = 0
        while index + 16 <= left.count {
            let (x, y) = (left.lanes(at: index), right.lanes(at: index))
            sums += SIMD8<Double>(x.lowHalf) * SIMD8<Double>(y.lowHalf)
            sums += SIMD8<Double>(x.highHalf) * SIMD8<Double>(y.highHalf)
            index += 16
        }
        for index in index..<left.count { total += Double(left[index]) * Double(right[index]) }
        total += sums.sum()
    }
    return total
}
