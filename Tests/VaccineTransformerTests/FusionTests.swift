import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

/// Linear maps that checkpoints have fused, against the same rows in maps of their own.
@Suite struct FusionTests {
    /// Four queries in two groups, of eight rows each: places of the heads in a file that goes group by group.
    private static let byHead: [(part: String, head: Int)] = [
        ("query", 0), ("query", 1), ("key", 0), ("value", 0),
        ("query", 2), ("query", 3), ("key", 1), ("value", 1),
    ]
    private static let stacked: [(part: String, head: Int)] =
        (0..<4).map { ("query", $0) } + (0..<2).map { ("key", $0) }
        + (0..<2).map { ("value", $0) }

    private func model(_ changes: [String: ModelDescription.Value]) throws -> Decoder {
        var values = ModelDescription.llama(
            [String: ModelDescription.Value].tiny.merging(changes) { $1 }
        ).values
        values = values.filter { !$0.key.hasPrefix("names.") }
        return try Decoder(ModelConfiguration(ModelDescription(values)))
    }

    private func elements(_ tensor: NamedTensor) -> [Float] {
        let (rows, columns) = tensor.fileRowsAndColumns
        let values = zeros(rows, columns)
        tensor.read(into: values)
        return values.elements
    }

    /// A random model, and its twin with fused maps.
    private func twins(
        _ kind: String, order: [(part: String, head: Int)]
    ) throws -> (separate: Decoder, fused: Decoder) {
        let bias: [String: ModelDescription.Value] = ["query_key_value_bias": true]
        let separate = try model(bias)
        let fused = try model(
            bias.merging(["query_key_value": .text(kind), "gate_up": "fused"]) { $1 })
        for (index, tensor) in separate.tensors(.weight).enumerated() {
            let (rows, columns) = tensor.fileRowsAndColumns
            tensor.write(normal(rows, columns, seed: UInt64(index)))
        }
        for tensor in fused.tensors(.weight) {
            let (rows, columns) = tensor.fileRowsAndColumns
            let layer = tensor.name.prefix { $0 != "q" && $0 != "g" }
            func part(_ name: String) throws -> [Float] {
                let ending = tensor.name.split(separator: ".").last ?? ""
                return try elements(
                    separate.tensor(.weight, named: "\(layer)\(name).\(ending)"))
            }
            var values: [Float] = []
            if tensor.name.contains("query_key_value") {
                let width = 8 * rows * columns / 64
                for (name, head) in order {
                    values += try part(name)[head * width..<(head + 1) * width]
                }
            } else if tensor.name.contains("gate_up") {
                values = try part("gate") + part("up")
            } else {
                values = elements(try separate.tensor(.weight, named: tensor.name))
            }
            tensor.write(matrix(values, rows: rows, columns: columns))
            #expect(elements(tensor) == values)
        }
        return (separate, fused)
    }

    @Test(arguments: [("fused", stacked), ("fused_by_head", byHead)])
    func aFusedModelComputesWhatItsPartsDo(
        kind: String, order: [(part: String, head: Int)]
    ) throws {
        let (separate, fused) = try twins(kind, order: order)
        let ids: [Int32] = [3, 1, 4, 1, 5, 9]
        let (expected, found) = (zeros(6, 61), zeros(6, 61))
        try separate.logits(ids, interruption: .none, into: expected)
        try fused.logits(ids, interruption: .none, into: found)
        #expect(relativeError(found.elements, expected.elements) < 1e-6)
    }

    @Test func anAdapterOfAFusedMapIsOneAndKeepsTheFilesOrder() throws {
        let (_, fused) = try twins("fused_by_head", order: Self.byHead)
        #expect(
            fused.configuration.adapterTargets
                == ["query_key_value", "attention_output", "gate_up", "down"])
        try fused.addAdapter(
            AdapterConfiguration(rank: 2, alpha: 2, dropout: 0, targets: ["query_key_value"]),
            seed: 0)
        let up = try #require(fused.tensors(.adapter).first { $0.name.contains("lora_B") })
        #expect(up.shape == (64, 2))
        let values = normal(64, 2, seed: 9)
        up.write(values)
        #expect(elements(up) == values.elements)
        // In the file the first key head follows two query heads; in memory all four come first.
        #expect(up.matrix[1, 4 * 8 + 3] == values[2 * 8 + 3, 1])
        #expect(up.matrix[0, 2 * 8] == values[4 * 8, 0])
    }

    @Test func placesAreThoseOfTheModelsRowsInTheFile() {
        let order = RowOrder(headCount: 4, keyValueHeadCount: 2, headSize: 1)
        #expect(order.places == [0, 1, 4, 5, 2, 6, 3, 7])
    }
}
