/// The order of a fused map's rows in files that have them key/value head by key/value head, where the model
/// holds all queries, then all keys, then all values.
struct RowOrder: Sendable {
    /// Rows that follow each other in both: in the file from `file`, in the model from `model`.
    struct Run: Sendable {
        let file: Range<Int>
        let model: Range<Int>
    }

    let runs: [Run]

    init(headCount: Int, keyValueHeadCount: Int, headSize: Int) {
        let group = headCount / keyValueHeadCount
        var runs: [Run] = []
        func add(_ heads: Range<Int>) {
            let start = runs.last?.file.upperBound ?? 0
            let model = heads.lowerBound * headSize..<heads.upperBound * headSize
            runs.append(Run(file: start..<start + model.count, model: model))
        }
        for head in 0..<keyValueHeadCount {
            add(head * group..<(head + 1) * group)
            add(headCount + head..<headCount + head + 1)
            add(headCount + keyValueHeadCount + head..<headCount + keyValueHeadCount + head + 1)
        }
        self.runs = runs
    }

    /// For each of the model's rows its place in the file.
    var places: [Int] {
        runs.sorted { $0.model.lowerBound < $1.model.lowerBound }.flatMap { Array($0.file) }
    }
}
