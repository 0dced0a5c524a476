package import VaccineNumerics

/// What is wrong with a configuration. All of it becomes one error, the first thing about each key.
package struct Faults {
    private var texts: [String] = []
    private var keys: Set<String> = []
    private var beginWithType = false

    package init() {}

    /// - Parameters:
    ///   - keys: those that it is about; nothing is added if there is a fault of one of them already.
    ///   - isOfType: whether a value is of another type than expected.
    mutating func add(_ text: String, about keys: String..., isOfType: Bool = false) {
        guard self.keys.isDisjoint(with: keys) else { return }
        if texts.isEmpty { beginWithType = isOfType }
        self.keys.formUnion(keys)
        texts.append(text)
    }

    /// Adds a fault unless the number is within the range.
    mutating func expect(_ key: String, _ value: Int, in range: ClosedRange<Int>) {
        guard !range.contains(value) else { return }
        add("\(key) must be in \(describe(range)), got \(value)", about: key)
    }

    /// Adds a fault unless the number is positive and finite.
    mutating func expectPositive(_ key: String, _ value: Double) {
        guard !(value > 0 && value.isFinite) else { return }
        add("\(key) must be positive, got \(value)", about: key)
    }

    /// Adds a fault unless there is a number within the range for each layer, or none at all.
    mutating func expectOne(
        _ key: String, _ values: [Int], forEachOf layerCount: Int, in range: ClosedRange<Int>
    ) {
        guard !values.isEmpty else { return }
        if values.count != layerCount {
            add("\(key) must have \(counted(layerCount, "entry")), got \(values.count)", about: key)
        }
        for value in values { expect(key, value, in: range) }
    }

    var isEmpty: Bool { texts.isEmpty }

    /// - Throws: `VaccineError` with all faults, if there are any.
    package func check() throws(VaccineError) {
        guard !texts.isEmpty else { return }
        let text = texts.joined(separator: "; ")
        throw beginWithType ? .type(text) : .value(text)
    }
}

private func describe(_ range: ClosedRange<Int>) -> String {
    range == sizes ? "[1, 2^28]" : "[\(range.lowerBound), \(range.upperBound)]"
}

/// What any size of a model may be.
let sizes = 1...1 << 28
