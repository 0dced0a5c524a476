/// Rows that something is asked of, perhaps several times: each is computed once.
struct ChosenRows {
    /// Rising.
    let rows: [Int]
    /// For each question the place of its row among them.
    private let places: [Int]
    /// The questions in the order of their places.
    private let order: [Int]

    /// - Parameter asked: the row of each question, below `count`.
    init(_ asked: some Sequence<Int>, of count: Int) {
        let asked = Array(asked)
        var place = [Int](repeating: -1, count: count)
        for row in asked { place[row] = 0 }
        rows = place.indices.filter { place[$0] == 0 }
        for (index, row) in rows.enumerated() { place[row] = index }
        let places = asked.map { place[$0] }
        self.places = places
        order = places.indices.sorted { (places[$0], $0) < (places[$1], $1) }
    }

    /// The questions at a range of places, each with its row of the range.
    func questions(at range: Range<Int>) -> [(question: Int, row: Int)] {
        let start = order.partitioningIndex { places[$0] >= range.lowerBound }
        return order[start...].prefix { places[$0] < range.upperBound }.map {
            ($0, places[$0] - range.lowerBound)
        }
    }
}

extension [Int] {
    /// The first index whose element, and all after it, satisfy a condition; `endIndex` if none does.
    fileprivate func partitioningIndex(where condition: (Int) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
