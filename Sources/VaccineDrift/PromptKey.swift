internal import VaccineNumerics

/// Random draws that belong to a prompt: functions of its 64-bit key, so that every shard that holds the
/// prompt, in whatever order, draws the same.
struct PromptKey {
    let value: UInt64

    private func stream(_ purpose: Purpose, _ seed: UInt64) -> RandomStream {
        RandomStream(value, purpose.rawValue, seed)
    }

    private enum Purpose: UInt64 { case fold = 1, sign, weight, label }

    /// The fold, 0 ..< count, whose moments the prompt belongs to.
    func fold(of count: Int) -> Int {
        Int(stream(.fold, 0).word(at: 0) % UInt64(count))
    }

    /// The signs of draws 64 · block ..< 64 · block + 64, a bit each: 0 for 1, 1 for −1.
    func signs(_ seed: UInt64, block: Int) -> UInt64 { stream(.sign, seed).word(at: block) }

    /// From which Poisson(1) weights are drawn, one uniform number each.
    func weights(_ seed: UInt64) -> RandomStream { stream(.weight, seed) }

    /// What prompts are sorted by when a draw permutes their labels: the draw's word.
    func orders(_ seed: UInt64) -> RandomStream { stream(.label, seed) }
}
