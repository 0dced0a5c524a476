internal import VaccineNumerics

/// How two samples are relabelled under the null hypothesis that both are of one distribution.
public enum Relabelling: Sendable {
    /// Any rows may be of x.
    case rows
    /// Rows of a group stay together: the groups of x are drawn among all groups, as many as there are.
    case groups([Int])
    /// Groups have rows on both sides: each swaps its sides or not. Rows i of x and of y are one group each
    /// in the paired test.
    case swaps([Int])
}

extension Relabelling {
    /// Which pooled rows are of x in draw `draw`; the first draw, 0, is the observed labelling.
    func labels(draw: Int, countX: Int, count: Int, seed: UInt64) -> [Bool] {
        let observed = (0..<count).map { $0 < countX }
        guard draw > 0 else { return observed }
        let stream = RandomStream(seed, 0x7065_726D, UInt64(draw))
        switch self {
        case .rows: return shuffled(observed, stream)
        case .groups(let groups):
            var side = [Bool](repeating: false, count: (groups.max() ?? -1) + 1)
            for (row, group) in groups.enumerated() { side[group] = observed[row] }
            let drawn = shuffled(side, stream)
            return groups.map { drawn[$0] }
        case .swaps(let groups):
            return groups.enumerated().map { row, group in
                let swap = stream.word(at: group / 64) >> UInt64(group % 64) & 1 == 1
                return observed[row] != swap
            }
        }
    }

    /// Fisher and Yates's shuffle.
    private func shuffled(_ values: [Bool], _ stream: RandomStream) -> [Bool] {
        var values = values
        for index in stride(from: values.count - 1, to: 0, by: -1) {
            let other = Int(stream.word(at: index).multipliedFullWidth(by: UInt64(index + 1)).high)
            values.swapAt(index, other)
        }
        return values
    }
}
