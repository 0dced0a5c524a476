package import VaccineNumerics

/// One or several frozen linear maps of the same input, computed as one product.
///
/// ```
/// y = x · Wᵀ + bias (+ the frozen updates and the adapter of each part)
/// ```
/// q, k and v are the parts of one projection, gate and up of another: their weights lie row above row
/// in one matrix, and each part owns a range of the output's columns. Where a checkpoint has them fused, they
/// are one part.
package struct Projection {
    package struct Part {
        /// What an adapter's settings call it, for example q_proj.
        package let name: String
        /// The checkpoint's name, for example model.layers.0.self_attn.q_proj.
        let module: String
        /// The part's columns of the output, and rows of the weight.
        package let range: Range<Int>
        /// Numbers the part within the model; its dropout masks follow from it.
        let index: Int
        /// Of the rows in files; nil: as they are here.
        let rowOrder: RowOrder?
        package var adapter: LowRankAdapter?
        /// Earlier adapters, which are trained no more.
        var frozen: [LowRankUpdate] = []
    }

    /// Shape [out, in].
    package let weight: Weight
    /// Shape [1, out].
    package let bias: Matrix?
    package var parts: [Part]

    /// q, k and v.
    static let maximumParts = 3

    /// What the backward pass needs of the forward pass: u of every part, each [T, the largest r].
    struct Cache {
        let u: [Matrix]

        init(parts: Int, tokens: Int, rank: Int, in arena: Arena) {
            u = (0..<parts).map { _ in arena.matrix(rows: tokens, columns: rank) }
        }
    }

    /// - Parameter masks: the dropout masks of the rows of x; nil: dropout off.
    func forward(
        _ x: Matrix, _ pass: Pass, masks: DropoutMasks?, cache: Cache, into y: Matrix
    ) throws(VaccineError) {
        try multiply(x, transposing: weight, into: y, interruption: pass.interruption)
        guard bias != nil || isAdapted else { return }
        let (dropped, frozenU) = (pass.scratch.dropped, pass.scratch.dUs)
        Threads.forEachBand(of: y.rows) { rows, worker in
            if let bias { y.rows(rows).addToEveryRow(bias) }
            for (index, part) in parts.enumerated() {
                for update in part.frozen {
                    update.forward(
                        x.rows(rows), u: frozenU[index].rows(rows).columns(0..<update.rank),
                        addingTo: y.columns(part.range).rows(rows))
                }
            }
            for (part, u) in zip(parts, cache.u) {
                guard let adapter = part.adapter else { continue }
                adapter.forward(
                    x.rows(rows), masks: masks?.part(part.index), firstRow: rows.lowerBound,
                    u: u.rows(rows).columns(0..<adapter.rank), dropped: dropped[worker],
                    addingTo: y.columns(part.range).rows(rows))
            }
        }
    }

    private var isAdapted: Bool { parts.contains { $0.adapter != nil || !$0.frozen.isEmpty } }

    /// - Parameters:
    ///   - x: the input again; needed when `weights` is true.
    ///   - masks: those of the forward pass.
    ///   - dX: overwritten with ∂/∂x; nil: not wanted.
    ///   - weights: whether the adapters' gradients are added.
    func backward(
        _ x: Matrix?, dY: Matrix, _ pass: Pass, masks: DropoutMasks?, cache: Cache, weights: Bool,
        into dX: Matrix?
    ) throws(VaccineError) {
        if let dX { try multiply(dY, by: weight, into: dX, interruption: pass.interruption) }
        guard isAdapted else { return }
        let dUs = pass.scratch.dUs
        Threads.forEachBand(of: dY.rows) { rows, _ in
            for (index, part) in parts.enumerated() {
                for update in part.frozen where dX != nil {
                    update.backward(
                        dY: dY.columns(part.range).rows(rows),
                        dU: dUs[index].rows(rows).columns(0..<update.rank),
                        addingTo: dX?.rows(rows))
                }
                guard let adapter = part.adapter else { continue }
                adapter.backward(
                    dY: dY.columns(part.range).rows(rows),
                    masks: masks?.part(part.index), firstRow: rows.lowerBound,
                    dU: dUs[index].rows(rows).columns(0..<adapter.rank), addingTo: dX?.rows(rows))
            }
        }
        guard weights, let x else { return }
        // A task is a share of the columns of one factor's gradient.
        let shares = Threads.count
        Threads.forEach(2 * parts.count * shares) { task, _ in
            let (index, share) = (task / (2 * shares), task % shares)
            let (part, rows) = (parts[index], 0..<x.rows)
            guard let adapter = part.adapter else { return }
            func columns(of matrix: Matrix) -> Range<Int> {
                Threads.part(share, of: shares, count: matrix.columns, unit: 64)
            }
            if task / shares % 2 == 0 {
                let dY = dY.columns(part.range)
                adapter.accumulateUp(
                    u: cache.u[index].rows(rows).columns(0..<adapter.rank), dY: dY,
                    columns: columns(of: dY))
            } else {
                adapter.accumulateDown(
                    dU: dUs[index].rows(rows).columns(0..<adapter.rank), x: x,
                    masks: masks?.part(part.index), columns: columns(of: x))
            }
        }
    }
}

extension Matrix {
    /// self[t, :] += bias[0, :].
    fileprivate func addToEveryRow(_ bias: Matrix) {
        let values = bias[0]
        for row in 0..<rows {
            var target = mutable(row)
            for index in values.indices { target[index] += values[index] }
        }
    }
}
