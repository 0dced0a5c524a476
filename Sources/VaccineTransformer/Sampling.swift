internal import VaccineNumerics

/// How the next token is chosen from a row of logits.
package struct Sampling: Sendable {
    /// 0: the likeliest token. Otherwise logits are divided by it.
    package var temperature: Double
    /// Only the likeliest tokens whose probabilities reach this sum can be drawn; in (0, 1].
    /// - SeeAlso: Holtzman et al. 2020, arXiv:1904.09751.
    package var topP: Double
    package var seed: UInt64
    /// The number of the batch's first prompt among all that are sampled with this seed.
    package var firstPrompt: UInt64

    package init(
        temperature: Double = 0, topP: Double = 1, seed: UInt64 = 0, firstPrompt: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
        self.firstPrompt = firstPrompt
    }

    func validate() throws(VaccineError) {
        guard temperature >= 0, temperature.isFinite else {
            throw .value("temperature must be finite and at least 0, got \(temperature)")
        }
        guard topP > 0, topP <= 1 else { throw .value("top_p must be in (0, 1], got \(topP)") }
    }

    /// - Parameters: `prompt`, `step`: which draw this is; prompt i of the batch draws from the stream of
    ///   (seed, firstPrompt + i), however the prompts are cut into batches.
    /// - Returns: nil when a logit is not finite.
    func choose(_ logits: Span<Float>, prompt: Int, step: Int) -> Int32? {
        guard allFinite(logits) else { return nil }
        return temperature == 0
            ? Int32(likeliest(logits)) : Int32(draw(logits, prompt: prompt, step: step))
    }

    /// The first of the largest logits.
    private func likeliest(_ logits: Span<Float>) -> Int {
        let maximum = largest(logits, among: logits.count)
        return logits.indices.first { logits[$0] == maximum } ?? 0
    }

    private func draw(_ logits: Span<Float>, prompt: Int, step: Int) -> Int {
        let maximum = logits[likeliest(logits)]
        let weights = logits.indices.map {
            exponential(Double(logits[$0] - maximum) / temperature)
        }
        let (order, mass) = nucleus(weights)
        let stream = RandomStream(seed, firstPrompt &+ UInt64(prompt))
        var remaining = stream.uniform(at: step) * mass
        for index in order {
            remaining -= weights[index]
            if remaining < 0 { return index }
        }
        return order.last { weights[$0] > 0 } ?? order[0]
    }

    /// The tokens that can be drawn and the sum of their weights: all in the vocabulary's order, or the likeliest
    /// whose weights reach `topP` of the sum, these first, equal ones in the vocabulary's order.
    ///
    /// - Parameter weights: the largest is 1.
    private func nucleus(_ weights: [Double]) -> (order: [Int], mass: Double) {
        let total = weights.reduce(0, +)
        guard topP < 1 else { return (Array(weights.indices), total) }
        // Only those need to be sorted whose powers of two, and the power below, reach the sum.
        var sums = [Double](repeating: 0, count: 1 + Int(-Double.leastNonzeroMagnitude.exponent))
        for weight in weights where weight > 0 { sums[Int(-weight.exponent)] += weight }
        var (depth, mass) = (0, sums[0])
        while mass < topP * total, depth + 1 < sums.count {
            depth += 1
            mass += sums[depth]
        }
        let order = weights.indices.filter { weights[$0].exponent >= -depth - 1 }.sorted {
            weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1]
        }
        var count = 0
        mass = 0
        while count < order.count, mass < topP * total {
            mass += weights[order[count]]
            count += 1
        }
        return (Array(order.prefix(count)), mass)
    }
}
