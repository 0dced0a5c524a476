package import VaccineNumerics

/// A caller's gradients with respect to hidden states, which a backward pass adds where it meets them.
package struct StateGradients {
    private var matrices: [[Matrix?]]

    package init(layers: Int) {
        matrices = HiddenState.allCases.map { _ in Array(repeating: nil, count: layers) }
    }

    /// Shape [T, C], with a row for every token of the batch; nil: there is none.
    package subscript(state: HiddenState, layer: Int) -> Matrix? {
        get { matrices[state.rawValue][layer] }
        set { matrices[state.rawValue][layer] = newValue }
    }
}
