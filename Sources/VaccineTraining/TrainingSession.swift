package import VaccineNumerics
package import VaccineTransformer

/// The training of one model, with the memory that only its methods need.
///
/// ε takes [L·T, C] floats of an arena of its own, which a method that perturbs nothing never reserves.
package final class TrainingSession {
    package let model: Decoder
    /// ‖ε_l‖₂ of every layer in the last step.
    let norms: Numbers
    private var memory: PerturbationMemory?
    /// What the memory holds.
    package private(set) var content = Content.nothing
    /// Tokens that were given to the pass that left it, and the places among them of those that were
    /// computed.
    package private(set) var tokens = 0
    package private(set) var places: [Int] = []

    package enum Content: Sendable { case nothing, attentionGradients, perturbations }

    /// By place among the adapter's factors, those that are not trained; empty: all are.
    package private(set) var frozen: [Bool] = []

    package init(_ model: Decoder) {
        self.model = model
        norms = Numbers(count: model.configuration.layerCount)
    }

    /// Makes sure that steps of no larger batch allocate nothing.
    ///
    /// - Parameter perturbed: whether there is to be room for g_l and ε_l.
    /// - Throws: `VaccineError.memory` before allocating.
    package func reserve(
        tokens: Int, sequences: Int, longest: Int, perturbed: Bool
    ) throws(VaccineError) {
        try model.reserve(tokens: tokens, sequences: sequences, longest: longest, training: true)
        if perturbed { _ = try room(tokens: tokens) }
    }

    /// The largest batch, in tokens, whose ε finds its memory.
    package var perturbationRoom: Int { memory?.tokens ?? 0 }

    /// What the last pass left, of the tokens that were computed; nil if that is something else.
    package func states(_ wanted: Content) -> LayerStates? {
        guard content == wanted, let memory else { return nil }
        return memory.states(tokens: places.count)
    }

    /// The same, if it is of these tokens; nil if not.
    func states(_ wanted: Content, of batch: PackedBatch) -> LayerStates? {
        guard tokens == batch.givenCount, places == batch.givenIndices else { return nil }
        return states(wanted)
    }

    /// Leaves these factors as they are, by their PEFT names; none: trains all.
    ///
    /// - Throws: `VaccineError.state` without an adapter; `.value` for a name that it does not have.
    package func freeze(_ names: [String]) throws(VaccineError) {
        guard model.adapter != nil else { throw .state("the model has no adapter to freeze") }
        if names.isEmpty {
            frozen = []
            return
        }
        let (wanted, present) = (Set(names), model.tensors(.adapter).map(\.name))
        if let unknown = wanted.subtracting(present).min() {
            throw .value("names: the model has no adapter tensor '\(unknown)'")
        }
        frozen = present.map(wanted.contains)
    }

    /// After a change of the adapter, to which all state belongs. The memory of ε goes, as the decoder's
    /// own for training does.
    package func adapterChanged() {
        forget()
        memory = nil
        frozen = []
    }

    /// After a change of what the model computes, to which kept states belong.
    package func forget() {
        content = .nothing
        tokens = 0
        places.removeAll(keepingCapacity: true)
    }

    func keep(_ content: Content, of batch: PackedBatch) {
        self.content = content
        tokens = batch.givenCount
        places.append(contentsOf: batch.givenIndices)
    }

    /// Memory for ε of a batch of this many tokens.
    func room(tokens: Int) throws(VaccineError) -> LayerStates {
        if let memory, memory.tokens >= tokens { return memory.states(tokens: tokens) }
        forget()
        memory = nil
        let grown = try PerturbationMemory(model.configuration, tokens: tokens)
        memory = grown
        return grown.states(tokens: tokens)
    }
}

/// g_l and then ε_l, of batches up to a number of tokens.
private struct PerturbationMemory {
    let tokens: Int
    private let layers: Int
    private let values: Matrix  // [L·T, C]
    private let arena: Arena

    /// - Throws: `VaccineError.memory` before allocating.
    init(_ configuration: ModelConfiguration, tokens: Int) throws(VaccineError) {
        func layOut(_ arena: Arena) -> Matrix {
            arena.matrix(
                rows: configuration.layerCount * tokens, columns: configuration.hiddenSize)
        }
        let plan = Arena()
        _ = layOut(plan)
        arena = try Arena(
            byteCount: plan.byteCount, purpose: "the perturbation of \(counted(tokens, "token"))")
        values = layOut(arena)
        layers = configuration.layerCount
        self.tokens = tokens
    }

    /// The memory as that of a batch of `tokens` tokens.
    func states(tokens: Int) -> LayerStates {
        LayerStates(values, layers: layers, tokens: tokens)
    }
}
