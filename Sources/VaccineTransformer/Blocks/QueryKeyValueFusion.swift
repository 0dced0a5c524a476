/// Whether queries, keys and values are linear maps of their own, or one.
enum QueryKeyValueFusion: Sendable {
    case separate
    /// All queries, then all keys, then all values.
    case fused
    /// Key/value head by key/value head: its queries, its key, its value.
    case fusedByHead

    init(_ reader: inout DescriptionReader) {
        let kinds: [(name: String, kind: QueryKeyValueFusion)] = [
            ("separate", .separate), ("fused", .fused), ("fused_by_head", .fusedByHead),
        ]
        self =
            reader.has("query_key_value")
            ? reader.choice("query_key_value", among: kinds) ?? .separate : .separate
    }
}
