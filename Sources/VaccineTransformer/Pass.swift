package import VaccineNumerics

/// What a way through the model needs besides the model: the rows and where they stand, memory, dropout masks, the
/// caller's wish to stop.
struct Pass {
    let batch: PackedBatch
    let positions: Positions
    let layerCount: Int
    /// The rows, rising, that are wanted of the last layer, whose other rows end with their keys and values;
    /// nil: all.
    let finalRows: [Int]?
    let workspace: Workspace
    /// Where keys and values are kept for later tokens; nil: nowhere.
    let cached: CachedSequences?
    /// The dropout masks of all rows; nil: dropout off.
    let masks: DropoutMasks?
    /// Asked several times in every layer.
    let interruption: Interruption

    var tokens: Int { batch.tokenCount }
    var scratch: Scratch { workspace.scratch }

    /// The rows that are wanted of layer `index` from the attention's context on; nil: all.
    func rows(of index: Int) -> [Int]? { index + 1 == layerCount ? finalRows : nil }

    func rowCount(of index: Int) -> Int { rows(of: index)?.count ?? tokens }

    /// The dropout masks of those rows; nil: dropout off.
    func masks(of index: Int) -> DropoutMasks? {
        guard let masks, rows(of: index) != nil else { return masks }
        return DropoutMasks(stream: masks.stream, firstRow: batch.firstSupervisedRow)
    }
}

/// Where dropout masks come from: random numbers, and the row among them that belongs to a matrix's row 0, so
/// that a part of a batch draws what it draws in the whole.
struct DropoutMasks: Sendable {
    let stream: RandomStream
    let firstRow: Int

    /// Those of a projection's part.
    func part(_ index: Int) -> DropoutMasks {
        DropoutMasks(stream: stream.substream(index), firstRow: firstRow)
    }
}

/// Which states of a layer are meant; all are [T, C].
package enum HiddenState: Int, Sendable, CaseIterable {
    /// What attention adds to the residual stream: the output of its output projection.
    case attention
    /// What the feed-forward network adds to it.
    case feedForward
    /// The residual stream after the layer.
    case residual

    var name: String {
        switch self {
        case .attention: "attention output"
        case .feedForward: "feed-forward output"
        case .residual: "residual stream"
        }
    }
}

/// Called at every point of a pass with a state, its layer and its values (or the gradient there): [T, C], of the
/// last layer the rows only that the pass wants. It may change them before anything else reads them.
package typealias Visitor = (_ state: HiddenState, _ layer: Int, _ values: Matrix) -> Void
