/// Reads the values of a description, each block its own keys.
///
/// What is missing or of another type is noted, and a stand-in is returned, so that reading goes on and all
/// faults come in one message.
package struct DescriptionReader {
    private let values: [String: ModelDescription.Value]
    private var known: Set<String> = []
    /// False when a kind of block was not told, whose keys are then not known either.
    private var knowsAllBlocks = true
    var faults = Faults()

    init(_ description: ModelDescription) { values = description.values }

    mutating func integer(_ key: String) -> Int {
        switch value(key) {
        case .integer(let value)?: return value
        case let other: return refuse(key, other, expected: "an integer", standIn: 1)
        }
    }

    mutating func real(_ key: String) -> Double {
        switch value(key) {
        case .real(let value)?: return value
        case .integer(let value)?: return Double(value)
        case let other: return refuse(key, other, expected: "a real number", standIn: 1)
        }
    }

    mutating func flag(_ key: String) -> Bool {
        switch value(key) {
        case .flag(let value)?: return value
        case let other: return refuse(key, other, expected: "a bool", standIn: false)
        }
    }

    func has(_ key: String) -> Bool { values[key] != nil }

    /// - Parameter otherwise: where the description has no such key.
    mutating func flag(_ key: String, otherwise: Bool) -> Bool {
        value(key) == nil ? otherwise : flag(key)
    }

    /// - Parameter otherwise: where the description has no such key.
    mutating func real(_ key: String, otherwise: Double) -> Double {
        value(key) == nil ? otherwise : real(key)
    }

    /// - Parameter otherwise: where the description has no such key.
    mutating func integer(_ key: String, otherwise: Int) -> Int {
        value(key) == nil ? otherwise : integer(key)
    }

    mutating func text(_ key: String) -> String {
        switch value(key) {
        case .text(let value)?: return value
        case let other: return refuse(key, other, expected: "a str", standIn: "")
        }
    }

    /// A sequence of numbers, or one number for a sequence of one.
    mutating func numbers(_ key: String) -> [Double] {
        switch value(key) {
        case .numbers(let values)?: return values
        case .real(let value)?: return [value]
        case .integer(let value)?: return [Double(value)]
        case let other:
            return refuse(key, other, expected: "a sequence of numbers", standIn: [])
        }
    }

    /// As `numbers`, all whole.
    mutating func integers(_ key: String) -> [Int] {
        numbers(key).map { number in
            guard let whole = Int(exactly: number) else {
                faults.add("\(key) must hold integers, got \(number)", about: key)
                return 0
            }
            return whole
        }
    }

    /// What stands in a list under the name that the description gives; nil: nothing does.
    mutating func choice<Kind>(_ key: String, among kinds: [(name: String, kind: Kind)]) -> Kind? {
        guard case .text(let name)? = value(key) else {
            knowsAllBlocks = false
            return refuse(key, values[key], expected: "a str", standIn: nil)
        }
        if let found = kinds.first(where: { $0.name == name }) { return found.kind }
        knowsAllBlocks = false
        let names = kinds.map { "'\($0.name)'" }.joined(separator: ", ")
        faults.add("\(key) must be one of \(names), got '\(name)'", about: key)
        return nil
    }

    /// Settings of some kind, where the description names none; what their keys lack is no fault.
    func standIn<Settings>(_ read: (inout DescriptionReader) -> Settings) -> Settings {
        var reader = self
        return read(&reader)
    }

    /// The templates under `names.…`; none where the description has none at all.
    ///
    /// - Parameter others: modules of some models that this one lacks, whose names are not read.
    mutating func names(of parts: [String], others: [String]) -> ModuleNames {
        known.formUnion(others.map { ModuleNames.prefix + $0 })
        guard values.keys.contains(where: { $0.hasPrefix(ModuleNames.prefix) }) else {
            return ModuleNames()
        }
        var templates: [String: String] = [:]
        for part in parts { templates[part] = text(ModuleNames.prefix + part) }
        return ModuleNames(templates)
    }

    /// Notes the keys that nothing has read.
    mutating func refuseUnknownKeys() {
        guard knowsAllBlocks else { return }
        for key in values.keys.sorted() where !known.contains(key) {
            faults.add("configuration has an unknown key: '\(key)'", about: key)
        }
    }

    private mutating func value(_ key: String) -> ModelDescription.Value? {
        known.insert(key)
        return values[key]
    }

    private mutating func refuse<Value>(
        _ key: String, _ value: ModelDescription.Value?, expected: String, standIn: Value
    ) -> Value {
        if let value {
            faults.add(
                "\(key) must be \(expected), got \(value.kind)", about: key, isOfType: true)
        } else {
            faults.add("configuration must have the key '\(key)'", about: key)
        }
        return standIn
    }
}
