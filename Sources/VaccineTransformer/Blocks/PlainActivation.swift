internal import VaccineNumerics

/// y = f(up), with one module before it.
protocol PlainActivation: Activation {
    static func value(_ z: Lanes) -> Lanes
    /// dy ⊙ f′(z).
    static func gradient(_ z: Lanes, dY: Lanes) -> Lanes
}

extension PlainActivation {
    var modules: [String] { ["up"] }

    func forward(_ inner: Matrix, halves: HalfMatrix?, into y: Matrix) {
        Threads.forEachRange(of: y.rows) { range in
            for row in range {
                halves?.write(row, of: inner)
                activate(inner[row], into: y, row)
            }
        }
    }

    func again(_ halves: HalfMatrix, places: [Matrix], into y: Matrix) {
        Threads.forEachBand(of: y.rows) { rows, worker in
            let place = places[worker].reshaped(rows: 1, columns: halves.columns)
            for row in rows {
                halves.read(row, into: place)
                activate(place[0], into: y, row)
            }
        }
    }

    func backward(_ inner: Matrix, halves: HalfMatrix?, dY: Matrix) {
        Threads.forEachRange(of: dY.rows) { range in
            for row in range {
                halves?.read(row, into: inner.rows(row..<row + 1))
                let dy = dY[row]
                var z = inner.mutable(row)
                sweep(dy.count) {
                    z.setLanes(Self.gradient(z.lanes(at: $0), dY: dy.lanes(at: $0)), at: $0)
                } tail: {
                    z.setLanesTail(
                        Self.gradient(z.lanesTail(at: $0), dY: dy.lanesTail(at: $0)), at: $0)
                }
            }
        }
    }

    @inline(__always)
    private func activate(_ x: Span<Float>, into y: Matrix, _ row: Int) {
        var target = y.mutable(row)
        sweep(x.count) {
            target.setLanes(Self.value(x.lanes(at: $0)), at: $0)
        } tail: {
            target.setLanesTail(Self.value(x.lanesTail(at: $0)), at: $0)
        }
    }
}
