internal import VaccineNumerics

/// The flat numbers of `PairedMoments` in the caller's memory, where products are added up in place.
@safe struct PairedState: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Double>
    private let width: Int

    /// - Parameter base: `PairedMoments.stateCount` numbers, which outlive this view.
    init(base: UnsafeMutablePointer<Double>, width: Int) {
        unsafe self.base = unsafe base
        self.width = width
    }

    /// The state of no rows.
    func clear() {
        unsafe base.update(repeating: 0, count: PairedMoments.stateCount(width: width))
    }

    /// Writes everything but the products.
    func set(_ sums: RowSums, meanX: [Double], meanY: [Double]) {
        var place = 0
        let scalars = [sums.count, sums.aa, sums.bb, sums.ab]
        for part in [scalars, meanX, meanY, sums.ax, sums.ay, sums.bx, sums.by] {
            for value in part {
                unsafe base[place] = value
                place += 1
            }
        }
    }

    enum Product: Int, CaseIterable { case xx, yy, xy }

    private func product(_ product: Product) -> UnsafeMutablePointer<Double> {
        unsafe base + 4 + width * (6 + product.rawValue * width)
    }

    /// Adds some products of the first `count` rows; of the symmetric ones only upper triangles are written.
    ///
    /// - Complexity: 4·count·width² operations.
    /// - Throws: `.interrupted`.
    func addProducts(
        _ x: RowBlock, _ y: RowBlock, rows count: Int, add: Bool,
        of wanted: [Product] = Product.allCases, interruption: Interruption
    ) throws(VaccineError) {
        let tiles = stride(from: 0, to: width, by: RowBlock.tile).map {
            $0..<min($0 + RowBlock.tile, width)
        }
        var tasks: [(product: Product, rows: Range<Int>, columns: Range<Int>)] = []
        for product in wanted {
            for rows in tiles {
                for columns in tiles where product == .xy || rows.lowerBound < columns.lowerBound {
                    tasks.append((product, rows, columns))
                }
            }
        }
        // Triangles cost half, so they come last, when threads run out of tasks.
        for rows in tiles {
            tasks += wanted.filter { $0 != .xy }.map { ($0, rows, rows) }
        }
        let chosen = tasks
        let work = RowBlock.tile * RowBlock.tile * count / 8
        for wave in Blocks(of: chosen.count, size: Threads.wave(of: work)) {
            try interruption.check(wave.lowerBound, of: chosen.count)
            Threads.forEach(wave.count) { index, _ in
                let (product, rows, columns) = chosen[wave.lowerBound + index]
                let (left, right) = (product == .yy ? y : x, product == .xx ? x : y)
                unsafe left.multiply(
                    rows, by: right, columns, rows: count, into: self.product(product), add: add)
            }
        }
    }

    /// Multiplies a product.
    func scale(_ product: Product, by factor: Double) {
        let values = unsafe self.product(product)
        for index in 0..<width * width { unsafe values[index] *= factor }
    }

    /// Fills the lower triangles of the symmetric products.
    func mirror() {
        let band = 32
        Threads.forEach((width + band - 1) / band) { index, _ in
            let rows = index * band..<min((index + 1) * band, width)
            for product in [Product.xx, .yy] {
                let values = unsafe self.product(product)
                for column in 0..<rows.upperBound {
                    for row in max(rows.lowerBound, column + 1)..<max(rows.upperBound, column + 1) {
                        unsafe values[row * width + column] = values[column * width + row]
                    }
                }
            }
        }
    }
}
