/// A model as a caller describes it: named values, flat. `ModelConfiguration` reads it.
public struct ModelDescription: Sendable, ExpressibleByDictionaryLiteral {
    /// One value as it came, so that the reader can say what it expected instead.
    public enum Value: Sendable {
        case flag(Bool)
        case integer(Int)
        case real(Double)
        case text(String)
        case numbers([Double])
        /// Something else, by the name of its type.
        case other(String)

        /// The name of its type, for messages.
        var kind: String {
            switch self {
            case .flag: "bool"
            case .integer: "int"
            case .real: "float"
            case .text: "str"
            case .numbers: "list"
            case .other(let name): name
            }
        }
    }

    var values: [String: Value]

    public init(_ values: [String: Value]) { self.values = values }

    public init(dictionaryLiteral elements: (String, Value)...) {
        values = Dictionary(elements) { $1 }
    }
}

extension ModelDescription.Value: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
    public init(booleanLiteral value: Bool) { self = .flag(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .real(value) }
    public init(stringLiteral value: String) { self = .text(value) }
    public init(arrayLiteral elements: Double...) { self = .numbers(elements) }
}
