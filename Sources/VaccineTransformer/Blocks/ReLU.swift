internal import VaccineNumerics

/// y = max(0, up).
struct ReLU: Activation {
    let modules = ["up"]

    func forward(_ inner: Matrix, halves: HalfMatrix?, into y: Matrix) {
        Threads.forEachRange(of: y.rows) { range in
            for row in range {
                halves?.write(row, of: inner)
                rectify(inner[row], into: y, row)
            }
        }
    }

    func again(_ halves: HalfMatrix, places: [Matrix], into y: Matrix) {
        Threads.forEachBand(of: y.rows) { rows, worker in
            let place = places[worker].reshaped(rows: 1, columns: halves.columns)
            for row in rows {
                halves.read(row, into: place)
                rectify(place[0], into: y, row)
            }
        }
    }

    /// dup = dy where up > 0, else 0.
    func backward(_ inner: Matrix, halves: HalfMatrix?, dY: Matrix) {
        Threads.forEachRange(of: dY.rows) { range in
            for row in range {
                halves?.read(row, into: inner.rows(row..<row + 1))
                let dy = dY[row]
                var values = inner.mutable(row)
                for index in values.indices { values[index] = values[index] > 0 ? dy[index] : 0 }
            }
        }
    }
}

private func rectify(_ x: Span<Float>, into y: Matrix, _ row: Int) {
    var target = y.mutable(row)
    sweep(x.count) {
        target.setLanes(positive(x.lanes(at: $0)), at: $0)
    } tail: {
        target.setLanesTail(positive(x.lanesTail(at: $0)), at: $0)
    }
}

/// max(0, x); of NaN and ±∞ NaN, so that they are not lost.
@inline(__always) private func positive(_ x: Lanes) -> Lanes { x.larger(of: .zero) + (x - x) }
