/// What checkpoints call the modules of a model, by the model's own word for each.
///
/// A name is a template; in those of a layer's modules, `{layer}` stands for its index. A module's tensors end
/// in `.weight` and `.bias`.
package struct ModuleNames: Sendable {
    /// Of the keys in a description.
    static let prefix = "names."

    private let templates: [String: Template]

    /// - Parameter templates: by part; a part without one keeps the model's own word for it.
    init(_ templates: [String: String] = [:]) {
        self.templates = templates.mapValues(Template.init)
    }

    /// The name of a module that the model has once.
    func name(of part: String) -> String { templates[part]?.text ?? part }

    /// The name of a module of one layer.
    func name(of part: String, layer: Int) -> String {
        guard let template = templates[part] else { return "layers.\(layer).\(part)" }
        return "\(template.beforeLayer)\(layer)\(template.afterLayer)"
    }

    /// What an adapter's settings call a module of every layer: the last component of its name.
    func target(_ part: String) -> String { templates[part]?.target ?? part }

    /// Notes templates that name no module, or the same as another.
    func check(once: [String], inLayers: [String], _ faults: inout Faults) {
        var parts: [String: String] = [:]
        for (part, template) in templates.sorted(by: { $0.key < $1.key }) {
            let key = ModuleNames.prefix + part
            let expected = inLayers.contains(part) ? 1 : 0
            if template.occurrences != expected || template.target.isEmpty {
                faults.add(
                    "\(key) must be a name with {layer} \(expected == 1 ? "once" : "nowhere"), "
                        + "got '\(template.text)'", about: key)
            } else if let other = parts.updateValue(part, forKey: template.text) {
                faults.add(
                    "\(key) must differ from \(ModuleNames.prefix)\(other), got "
                        + "'\(template.text)'", about: key)
            }
        }
    }
}

/// A template, cut where the layer's index goes.
private struct Template: Sendable {
    let text: String
    let beforeLayer: String
    let afterLayer: String
    /// How often `{layer}` is in it.
    let occurrences: Int
    let target: String

    init(_ text: String) {
        self.text = text
        let ranges = text.ranges(of: "{layer}")
        occurrences = ranges.count
        beforeLayer = ranges.first.map { String(text[..<$0.lowerBound]) } ?? text
        afterLayer = ranges.first.map { String(text[$0.upperBound...]) } ?? ""
        target =
            text.split(separator: ".", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    }
}
