package import VaccineNumerics

/// A matrix for each layer.
package protocol LayerMatrices: RandomAccessCollection, Sendable
where Element == Matrix, Index == Int {}

extension [Matrix]: LayerMatrices {}

/// One matrix [T, C] for each of L layers, layer after layer in one matrix [L·T, C].
package struct LayerStates: LayerMatrices {
    private let rows: Matrix
    private let tokens: Int

    package let startIndex = 0
    package let endIndex: Int

    /// - Parameter memory: at least L·T rows.
    package init(_ memory: Matrix, layers: Int, tokens: Int) {
        rows = memory.rows(0..<layers * tokens)
        self.tokens = tokens
        endIndex = layers
    }

    package subscript(layer: Int) -> Matrix { rows.rows(layer * tokens..<(layer + 1) * tokens) }
}
