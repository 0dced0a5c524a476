/// What the feed-forward block of a layer takes, with x what enters the layer and a the attention output.
///
/// ```
/// sequential: m = x + a,  y = m + feedForward(norm(m))
/// parallel:   m = x + a,  y = m + feedForward(norm(x))
/// ```
enum Residual: Sendable {
    case sequential
    case parallel

    init(_ reader: inout DescriptionReader) {
        let kinds: [(name: String, kind: Residual)] = [
            ("sequential", .sequential), ("parallel", .parallel),
        ]
        self =
            reader.has("residual")
            ? reader.choice("residual", among: kinds) ?? .sequential : .sequential
    }

    func check(_ placement: NormPlacement, _ faults: inout Faults) {
        guard self == .parallel, placement != .before else { return }
        faults.add("residual must be 'sequential' unless norms stand before", about: "residual")
    }
}
