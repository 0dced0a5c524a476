/// How a step forms the gradient that the optimiser takes.
package enum Method: Sendable, Equatable {
    /// Plain supervised fine-tuning: one pass.
    case sft
    /// Perturbation-aware alignment: the attention outputs of all layers are pushed along the loss's
    /// gradient, together by the L2 norm `rho`. Two passes.
    /// - SeeAlso: Huang, Hu & Liu 2024, arXiv:2402.01109, Algorithm 1.
    case vaccine(rho: Double)
    /// Gaussian noise of this variance on every element of every attention output: the authors'
    /// ablation. One pass.
    case random(variance: Double)
}
