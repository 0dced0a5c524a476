internal import CKernels

/// Products with a frozen weight W [N, K], which is packed block by block as it is read.
///
/// ```
/// y ← x · Wᵀ        x [T, K], y [T, N]
/// ```
/// - Complexity: 2·T·N·K operations, no allocation. W is read once.
/// - Numerical note: an element of y depends on its row of x alone, neither on T nor on the threads.
public func multiply(_ x: Matrix, transposing w: Matrix, into y: Matrix) {
    precondition(
        x.columns == w.columns && y.rows == x.rows && y.columns == w.rows, "shapes differ")
    product(x, w, transposed: true, into: y)
}

/// ```
/// dX ← dY · W        dY [T, N], dX [T, K]
/// ```
/// As `multiply(_:transposing:into:)`.
public func multiply(_ dY: Matrix, by w: Matrix, into dX: Matrix) {
    precondition(
        dY.columns == w.rows && dX.rows == dY.rows && dX.columns == w.columns, "shapes differ")
    product(dY, w, transposed: false, into: dX)
}

private func product(_ a: Matrix, _ b: Matrix, transposed: Bool, into c: Matrix) {
    forEachTile(rows: c.rows, columns: c.columns) { rows, columns in
        let (aPart, cPart) = (a.rows(rows), c.rows(rows).columns(columns))
        let bPart = transposed ? b.rows(columns) : b.columns(columns)
        let done = unsafe vaccine_product_float32(
            VaccineBlock(m: rows.count, n: columns.count, k: a.columns, accumulate: false),
            aPart.base, a.stride,
            VaccineFactor(values: bPart.base, stride: b.stride, transposed: transposed),
            cPart.base, c.stride)
        precondition(done, "no memory for packing")
    }
}

/// Cuts a result into tiles for the threads: columns first, because a column's panel is packed by whoever
/// computes it; rows only where there are more threads than wide tiles.
func forEachTile(
    rows: Int, columns: Int, _ body: @Sendable (_ rows: Range<Int>, _ columns: Range<Int>) -> Void
) {
    let panel = Int(VACCINE_PANEL)
    let panels = (columns + panel - 1) / panel
    let threads = Threads.count
    guard rows > 0, columns > 0 else { return }
    let columnTasks =
        panels >= 3 * threads
        ? threads * ((panels + 6 * threads - 1) / (6 * threads)) : max(1, panels / 3)
    let rowTasks = max(1, min((threads + columnTasks - 1) / columnTasks, rows / 14))
    Threads.forEach(columnTasks * rowTasks) { task, _ in
        let (row, column) = (task / columnTasks, task % columnTasks)
        let lower = panels * column / columnTasks * panel
        let upper = min(panels * (column + 1) / columnTasks * panel, columns)
        body(rows * row / rowTasks..<rows * (row + 1) / rowTasks, lower..<upper)
    }
}
