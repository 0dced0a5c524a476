/// A number and the noun that it counts, for messages: `1 row`, `2 entries`.
///
/// - Parameter noun: The singular, whose last word is regular.
package func counted(_ count: some BinaryInteger, _ noun: String) -> String {
    if count == 1 { return "1 \(noun)" }
    return noun.hasSuffix("y") ? "\(count) \(noun.dropLast())ies" : "\(count) \(noun)s"
}
