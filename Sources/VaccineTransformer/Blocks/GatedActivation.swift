internal import VaccineNumerics

/// y = f(gate) ⊙ up (Shazeer 2020, arXiv:2002.05202).
///
/// Gate and up lie side by side, shape [T, 2F], gate in the left half.
protocol GatedActivation: Activation {
    static func value(_ gate: Lanes) -> Lanes
    /// dy ⊙ up ⊙ f′(gate), and dy ⊙ f(gate).
    static func gradient(_ gate: Lanes, _ up: Lanes, dY: Lanes) -> (gate: Lanes, up: Lanes)
}

extension GatedActivation {
    var modules: [String] { ["gate", "up"] }

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
        let gates = inner.columns(0..<dY.columns)
        let ups = inner.columns(dY.columns..<inner.columns)
        Threads.forEachRange(of: dY.rows) { range in
            for row in range {
                halves?.read(row, into: inner.rows(row..<row + 1))
                let dy = dY[row]
                var gate = gates.mutable(row)
                var up = ups.mutable(row)
                sweep(dy.count) {
                    let (a, b) = Self.gradient(
                        gate.lanes(at: $0), up.lanes(at: $0), dY: dy.lanes(at: $0))
                    gate.setLanes(a, at: $0)
                    up.setLanes(b, at: $0)
                } tail: {
                    let (a, b) = Self.gradient(
                        gate.lanesTail(at: $0), up.lanesTail(at: $0), dY: dy.lanesTail(at: $0))
                    gate.setLanesTail(a, at: $0)
                    up.setLanesTail(b, at: $0)
                }
            }
        }
    }

    /// y[row] from its gate and up.
    @inline(__always)
    private func activate(_ pair: Span<Float>, into y: Matrix, _ row: Int) {
        let (gate, up) = (pair.extracting(0..<y.columns), pair.extracting(y.columns..<pair.count))
        var target = y.mutable(row)
        sweep(y.columns) {
            target.setLanes(Self.value(gate.lanes(at: $0)) * up.lanes(at: $0), at: $0)
        } tail: {
            target.setLanesTail(Self.value(gate.lanesTail(at: $0)) * up.lanesTail(at: $0), at: $0)
        }
    }
}
