internal import CKernels

/// The kernels behind the products with frozen weights.
public enum WeightProduct {
    /// Precisions and instructions on this processor.
    public static var description: String {
        let instructions = unsafe String(cString: vaccine_product_instructions())
        return "float32 with \(instructions)"
            + (Precision.bfloat16.isAvailable ? ", bfloat16 with AVX-512 BF16" : "")
    }
}

/// Products with a frozen weight W [N, K], which is packed block by block as it is read, or for few rows of x read
/// as it lies.
///
/// ```
/// y ← x · Wᵀ        x [T, K], y [T, N]
/// ```
/// - Parameter parallel: false inside a parallel region.
/// - Complexity: 2·T·N·K operations, no allocation. W is read once.
/// - Numerical note: an element of y depends on its row of x alone, neither on T nor on the threads; of a weight
///   held as blocks, it is summed in another order up to three rows than from four on.
public func multiply(
    _ x: Matrix, transposing w: Weight, into y: Matrix, parallel: Bool = true
) {
    precondition(
        x.columns == w.columns && y.rows == x.rows && y.columns == w.rows, "shapes differ")
    if parallel, y.rows <= fewRows { return rowProduct(x, w, into: y) }
    let x = Factor(x, for: w.precision, parallel: parallel)
    guard parallel else { return product(x, w, transposed: true, into: y) }
    forEachTile(rows: y.rows, columns: y.columns) { rows, columns in
        product(
            x.rows(rows), w.rows(columns), transposed: true, into: y.rows(rows).columns(columns))
    }
}

/// ```
/// dX ← dY · W        dY [T, N], dX [T, K]
/// ```
/// As `multiply(_:transposing:into:)`.
public func multiply(
    _ dY: Matrix, by w: Weight, into dX: Matrix, parallel: Bool = true
) {
    precondition(
        dY.columns == w.rows && dX.rows == dY.rows && dX.columns == w.columns, "shapes differ")
    let dY = Factor(dY, for: w.precision, parallel: parallel)
    guard parallel else { return product(dY, w, transposed: false, into: dX) }
    forEachTile(rows: dX.rows, columns: dX.columns) { rows, columns in
        product(
            dY.rows(rows), w.columns(columns), transposed: false,
            into: dX.rows(rows).columns(columns))
    }
}

/// As `multiply(_:transposing:into:)`, for any number of rows: the caller may stop it between blocks.
public func multiply(
    _ x: Matrix, transposing w: Weight, into y: Matrix, interruption: Interruption
) throws(VaccineError) {
    for rows in Blocks(of: x.rows, work: w.rows * w.columns) {
        try interruption.check()
        multiply(x.rows(rows), transposing: w, into: y.rows(rows))
    }
}

/// As `multiply(_:by:into:)`, for any number of rows: the caller may stop it between blocks.
public func multiply(
    _ dY: Matrix, by w: Weight, into dX: Matrix, interruption: Interruption
) throws(VaccineError) {
    for rows in Blocks(of: dY.rows, work: w.rows * w.columns) {
        try interruption.check()
        multiply(dY.rows(rows), by: w, into: dX.rows(rows))
    }
}

/// ```
/// dW ← dW + xᵀ · V        x [T, N], V [T, K], dW [N, K]
/// ```
/// On the calling thread.
public func multiply(transposed x: Matrix, by v: Weight, addingTo dW: Matrix) {
    precondition(
        x.rows == v.rows && dW.rows == x.columns && dW.columns == v.columns, "shapes differ")
    product(
        Factor(transposing: x, for: v.precision), v, transposed: false, accumulating: true,
        into: dW)
}

/// Rows of x up to which packing W takes longer than it saves.
private let fewRows = 64
/// Rows of x up to which blocks are decoded again for each, in registers.
private let fewestRows = 3

/// Each thread rounds the few rows for itself: to wait for others' takes as long.
private func rowProduct(_ x: Matrix, _ w: Weight, into y: Matrix) {
    // Whole tiles of outputs, for up to four rows and for more.
    let unit = y.rows <= 4 ? 32 : 14
    Threads.forEachRange(of: w.rows, unit: unit) { outputs in
        let a = Factor(x, for: w.precision, parallel: false)
        let shape = VaccineShape(m: y.rows, n: outputs.count, k: a.length)
        let (c, w) = (y.columns(outputs), w.rows(outputs))
        let done: Bool
        switch w.storage {
        case .float32:
            done = unsafe vaccine_row_product_float32(
                shape, a.forC, w.forC(transposed: true), c.base, c.stride, false)
        case .bfloat16:
            done = unsafe vaccine_row_product_bfloat16(
                shape, a.forC, w.forC(transposed: true), c.base, c.stride, false)
        case .blocks(let rows, let column):
            let blocks = unsafe VaccineBlocks(rows: rows, column: column, transposed: true)
            if y.rows <= fewestRows, column == 0 {
                unsafe vaccine_block_dots(shape, a.forC, blocks, c.base, c.stride)
                done = true
            } else {
                done = unsafe vaccine_row_product_blocks(
                    shape, a.forC, blocks, c.base, c.stride)
            }
        }
        precondition(done, "no memory for packing")
    }
}

/// One tile on the calling thread.
private func product(
    _ a: Factor, _ w: Weight, transposed: Bool, accumulating: Bool = false, into c: Matrix
) {
    let shape = VaccineShape(m: c.rows, n: c.columns, k: a.length)
    let done =
        switch w.storage {
        case .float32:
            unsafe vaccine_product_float32(
                shape, a.forC, w.forC(transposed: transposed), c.base, c.stride, accumulating)
        case .bfloat16:
            unsafe vaccine_product_bfloat16(
                shape, a.forC, w.forC(transposed: transposed), c.base, c.stride, accumulating)
        case .blocks(let rows, let column):
            unsafe vaccine_product_blocks(
                shape, a.forC,
                VaccineBlocks(rows: rows, column: column, transposed: transposed),
                c.base, c.stride, accumulating)
        }
    precondition(done, "no memory for packing")
}

/// Cuts a result into tiles for the threads: by columns, because a column's panel is packed by whoever computes
/// it, wide tiles first and ever narrower ones, so that the last ones even out; by rows as well where there
/// are more threads than tiles.
private func forEachTile(
    rows: Int, columns: Int, _ body: @Sendable (_ rows: Range<Int>, _ columns: Range<Int>) -> Void
) {
    let tileColumns = 32
    let threads = Threads.count
    guard rows > 0, columns > 0 else { return }
    guard threads > 1 else { return body(0..<rows, 0..<columns) }
    let shares = Shares(count: (columns + tileColumns - 1) / tileColumns, threads: threads)
    let bands = max(1, min((threads + shares.number - 1) / shares.number, rows / 14))
    Threads.forEach(shares.number * bands) { task, _ in
        let (share, band) = task.quotientAndRemainder(dividingBy: bands)
        let tiles = shares[share]
        body(
            rows * band / bands..<rows * (band + 1) / bands,
            tiles.lowerBound * tileColumns..<min(tiles.upperBound * tileColumns, columns))
    }
}

/// `0..<count` in parts, each half of what an even share of the rest would be, at most 6 and at least 2 or what
/// is left.
private struct Shares {
    let count: Int
    let threads: Int
    private(set) var number = 0

    init(count: Int, threads: Int) {
        (self.count, self.threads) = (count, threads)
        var start = 0
        while start < count {
            start += size(from: start)
            number += 1
        }
    }

    subscript(index: Int) -> Range<Int> {
        var start = 0
        for _ in 0..<index { start += size(from: start) }
        return start..<start + size(from: start)
    }

    private func size(from start: Int) -> Int {
        min(6, max(2, (count - start + 2 * threads - 1) / (2 * threads)), count - start)
    }
}
