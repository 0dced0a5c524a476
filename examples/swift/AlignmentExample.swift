// The core from Swift alone: describe a model, align it, ask it. `swift test --filter AlignmentExample` runs it.

import Testing
import Vaccine

@Suite struct AlignmentExample {
    @Test func aTinyModelLearnsUnderPerturbation() throws {
        let model = try LanguageModel(
            [
                "vocabulary_size": 32, "hidden_size": 32, "layer_count": 2, "context_length": 64,
                "head_count": 4, "key_value_head_count": 2, "head_size": 8,
                "query_key_value_bias": false, "attention_output_bias": false,
                "feed_forward": "gated_silu", "feed_forward_size": 64, "feed_forward_bias": false,
                "norm": "rms", "norm_epsilon": 1e-5, "tied_embeddings": true,
                "positions": "rotary", "rotary_base": 10_000.0, "rotary_scaling": "default",
                "rotary_factor": 1.0, "rotary_low_frequency_factor": 1.0,
                "rotary_high_frequency_factor": 4.0, "rotary_original_context_length": 64,
                "precision": "float32",
            ], seed: 1)
        // Every token a direction of its own.
        try model.write((0..<32 * 32).map { $0 % 33 == 0 ? 2 : 0 }, to: "embedding.weight")
        try model.addAdapter(rank: 8, alpha: 16)
        let alignment = try Alignment(model, rho: 0.1)
        let batch = [Example(tokens: [7, 3, 9, 4, 4, 5], unsupervised: 3)]
        let before = try model.loss(of: batch)
        for _ in 0..<60 {
            let report = try alignment.step(batch, learningRate: 2e-2)
            let total = report.perturbationNorms.map { $0 * $0 }.reduce(0, +).squareRoot()
            #expect(total > 0.099 && total < 0.100001)
        }
        #expect(try model.loss(of: batch) < before / 10)
        #expect(try model.generate(after: [7, 3, 9], tokens: 3) == [4, 4, 5])
    }

    @Test func faultsAreNamed() throws {
        #expect {
            try LanguageModel(["hidden_size": "32"])
        } throws: {
            guard case .value(let text)? = $0 as? VaccineError else { return false }
            return ["'vocabulary_size'", "hidden_size must be an integer"].allSatisfy(text.contains)
        }
    }
}
