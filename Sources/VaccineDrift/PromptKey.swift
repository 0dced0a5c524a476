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

    /// The sign, ±1, of a draw.
    func sign(_ seed: UInt64, draw: Int) -> Float {
        stream(.sign, seed).word(at: draw / 64) >> UInt64(draw % 64) & 1 == 0 ? 1 : -1
    }

    /// The Poisson(1) weight of a draw, by inversion.
    func weight(_ seed: UInt64, draw: Int) -> Double {
        poisson(stream(.weight, seed).uniform(at: draw))
    }

    /// What prompts are sorted by when a draw permutes their labels.
    func order(_ seed: UInt64, draw: Int) -> UInt64 { stream(.label, seed).word(at: draw) }
}

/// The Poisson(1) variate of a uniform number.
private func poisson(_ uniform: Double) -> Double {
    var probability = 0.36787944117144233  // 1 / e
    var cumulative = probability
    var count = 0.0
    while uniform >= cumulative && count < 20 {
        count += 1
        probability /= count
        cumulative += probability
    }
    return count
}
