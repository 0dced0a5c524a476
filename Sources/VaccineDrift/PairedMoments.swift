/// Second moments of paired rows x, y of one width d, and what debiased CKA needs beside them. Additive: the
/// moments of a whole are those of its parts, merged.
///
/// All sums are of rows centred on their own mean, so nothing cancels where a dimension's mean is far from
/// 0; merging moves the centres (Chan, Golub & LeVeque 1983, for Σ and its higher twins). With a = |x|²,
/// b = |y|² of the centred rows:
/// ```
/// Sxx = Σ x xᵀ,  Syy,  Sxy,  aa = Σ a²,  bb,  ab = Σ a·b,  ax = Σ a·x,  ay,  bx,  by
/// ```
struct PairedMoments {
    let width: Int
    var count = 0.0
    var meanX: [Double]
    var meanY: [Double]
    var sxx: DoubleMatrix
    var syy: DoubleMatrix
    var sxy: DoubleMatrix
    var (aa, bb, ab) = (0.0, 0.0, 0.0)
    var ax: [Double]
    var ay: [Double]
    var bx: [Double]
    var by: [Double]

    init(width: Int) {
        self.width = width
        let zeros = [Double](repeating: 0, count: width)
        (meanX, meanY, ax, ay, bx, by) = (zeros, zeros, zeros, zeros, zeros, zeros)
        let square = DoubleMatrix(zeros: width, width)
        (sxx, syy, sxy) = (square, square, square)
    }

    /// The moments of the rows of x and y, on the calling thread.
    init(x: DoubleMatrix, y: DoubleMatrix) {
        precondition(x.rows == y.rows && x.columns == y.columns, "shapes differ")
        self.init(width: x.columns)
        guard x.rows > 0 else { return }
        count = Double(x.rows)
        let (left, right) = (x.centred(mean: &meanX), y.centred(mean: &meanY))
        sxx = product(left, transposed: true, left)
        syy = product(right, transposed: true, right)
        sxy = product(left, transposed: true, right)
        let (a, b) = (left.squaredRowNorms, right.squaredRowNorms)
        (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b))
        ax = left.transposedTimes(a)
        ay = right.transposedTimes(a)
        bx = left.transposedTimes(b)
        by = right.transposedTimes(b)
    }

    /// The moments of both sets of rows together.
    mutating func merge(_ other: PairedMoments) {
        precondition(width == other.width, "widths differ")
        guard other.count > 0 else { return }
        guard count > 0 else {
            self = other
            return
        }
        var other = other
        let share = other.count / (count + other.count)
        let u = zip(other.meanX, meanX).map { ($0 - $1) * share }
        let v = zip(other.meanY, meanY).map { ($0 - $1) * share }
        let rest = (share - 1) / share
        moveCentre(u, v)
        other.moveCentre(u.map { $0 * rest }, v.map { $0 * rest })
        add(other)
    }

    private mutating func add(_ other: PairedMoments) {
        count += other.count
        (aa, bb, ab) = (aa + other.aa, bb + other.bb, ab + other.ab)
        sxx.add(other.sxx)
        syy.add(other.syy)
        sxy.add(other.sxy)
        for index in 0..<width {
            ax[index] += other.ax[index]
            ay[index] += other.ay[index]
            bx[index] += other.bx[index]
            by[index] += other.by[index]
        }
    }

    /// Takes every sum about the mean moved by u (of x) and v (of y).
    ///
    /// The rows are centred, Σ x = Σ y = 0, so odd terms vanish: with a' = a − 2 u·x + |u|², and so on.
    private mutating func moveCentre(_ u: [Double], _ v: [Double]) {
        let (uu, vv) = (dot(u, u), dot(v, v))
        let (traceX, traceY) = (sxx.trace, syy.trace)
        let (sxxU, syyV, sxyV, syxU) = (
            sxx.times(u), syy.times(v), sxy.times(v), sxy.transposedTimes(u)
        )
        ab +=
            -2 * dot(v, ay) - 2 * dot(u, bx) + 4 * dot(u, sxyV) + vv * traceX + uu * traceY
            + count * uu * vv
        aa += -4 * dot(u, ax) + 4 * dot(u, sxxU) + 2 * uu * traceX + count * uu * uu
        bb += -4 * dot(v, by) + 4 * dot(v, syyV) + 2 * vv * traceY + count * vv * vv
        for i in 0..<width {
            ax[i] -= u[i] * traceX + 2 * sxxU[i] + count * uu * u[i]
            ay[i] -= v[i] * traceX + 2 * syxU[i] + count * uu * v[i]
            bx[i] -= u[i] * traceY + 2 * sxyV[i] + count * vv * u[i]
            by[i] -= v[i] * traceY + 2 * syyV[i] + count * vv * v[i]
            meanX[i] += u[i]
            meanY[i] += v[i]
        }
        sxx.addOuter(count, u, u)
        syy.addOuter(count, v, v)
        sxy.addOuter(count, u, v)
    }
}

// MARK: - State

extension PairedMoments {
    /// Numbers of a state of this width.
    static func stateCount(width: Int) -> Int { 4 + 6 * width + 3 * width * width }

    /// All numbers, in the order of the properties.
    var state: [Double] {
        var state = [count, aa, bb, ab]
        state.reserveCapacity(PairedMoments.stateCount(width: width))
        for part in [meanX, meanY, ax, ay, bx, by, sxx.elements, syy.elements, sxy.elements] {
            state += part
        }
        return state
    }

    init(state: ArraySlice<Double>, width: Int) {
        precondition(state.count == PairedMoments.stateCount(width: width), "counts differ")
        self.init(width: width)
        var start = state.startIndex
        func next(_ length: Int) -> [Double] {
            defer { start += length }
            return Array(state[start..<start + length])
        }
        let scalars = next(4)
        (count, aa, bb, ab) = (scalars[0], scalars[1], scalars[2], scalars[3])
        (meanX, meanY) = (next(width), next(width))
        (ax, ay, bx, by) = (next(width), next(width), next(width), next(width))
        sxx.elements = next(width * width)
        syy.elements = next(width * width)
        sxy.elements = next(width * width)
    }
}
