/// What checkpoints call the modules of a model, by the model's own word for each.
///
/// A name is a template; in those of a layer's modules, `{layer}` stands for its index. A module's tensors end
/// in `.weight` and `.bias`.
package struct ModuleNames: Sendable, Equatable {
    /// Of the keys in a description.
    static let prefix = "names."

    private var templates: [String: String]

    /// - Parameter templates: by part; a part without one keeps the model's own word for it.
    package init(_ templates: [String: String] = [:]) { self.templates = templates }

    /// The name of a module that the model has once.
    func name(of part: String) -> String { templates[part] ?? part }

    /// The name of a module of one layer.
    func name(of part: String, layer: Int) -> String {
        guard let template = templates[part] else { return "layers.\(layer).\(part)" }
        return template.replacing("{layer}", with: String(layer))
    }

    /// What an adapter's settings call a module of every layer: the last component of its name.
    func target(_ part: String) -> String {
        (templates[part] ?? part).split(separator: ".").last.map(String.init) ?? part
    }

    /// Notes templates that would give two modules one name.
    func check(once: [String], inLayers: [String], _ faults: inout Faults) {
        var parts: [String: String] = [:]
        for (part, template) in templates.sorted(by: { $0.key < $1.key }) {
            let key = ModuleNames.prefix + part
            let places = template.ranges(of: "{layer}").count
            let expected = inLayers.contains(part) ? 1 : 0
            if places != expected || template.split(separator: ".").isEmpty {
                faults.add(
                    "\(key) must be a name with {layer} \(expected == 1 ? "once" : "nowhere"), "
                        + "got '\(template)'", about: key)
            } else if let other = parts.updateValue(part, forKey: template) {
                faults.add(
                    "\(key) must differ from \(ModuleNames.prefix)\(other), got '\(template)'",
                    about: key)
            }
        }
    }
}
