import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineTransformer

@Suite struct DescriptionTests {
    private func error(
        _ changes: [String: ModelDescription.Value], without missing: [String] = []
    ) -> VaccineError? {
        var description = ModelDescription.llama(
            [String: ModelDescription.Value].tiny.merging(changes) { $1 })
        for key in missing { description.values[key] = nil }
        do throws(VaccineError) {
            _ = try ModelConfiguration(description)
            return nil
        } catch {
            return error
        }
    }

    @Test func missingUnknownAndFaultyKeysComeInOneMessage() {
        #expect(
            error(["colour": 1, "head_size": 7, "layer_count": -1], without: ["norm_epsilon"])
                == .value(
                    "configuration must have the key 'norm_epsilon'; "
                        + "configuration has an unknown key: 'colour'; "
                        + "layer_count must be in [1, 8192], got -1; "
                        + "head_size must be even, got 7"))
    }

    @Test func aValueOfAnotherTypeIsAnErrorOfType() {
        #expect(
            error(["hidden_size": "32", "tied_embeddings": 1])
                == .type(
                    "hidden_size must be an integer, got str; tied_embeddings must be a bool, "
                        + "got int"))
        #expect(error(["norm_epsilon": .numbers([1, 2])]) != nil)
        #expect(error(["rotary_base": 10_000]) == nil)
    }

    /// What the unknown kind would have read is not called unknown.
    @Test(arguments: [
        ("norm", "'rms', 'layer'"), ("positions", "'rotary', 'learned'"),
        (
            "feed_forward",
            "'gated_silu', 'gated_gelu', 'gated_gelu_tanh', 'relu', 'gelu', 'gelu_tanh'"
        ),
        ("precision", "'float32', 'bfloat16', 'gguf'"),
        ("rotary_scaling", "'default', 'linear', 'llama3', 'longrope'"),
        ("query_key_value", "'separate', 'fused', 'fused_by_head'"),
        ("gate_up", "'separate', 'fused'"), ("residual", "'sequential', 'parallel'"),
        ("norm_placement", "'before', 'after', 'output', 'around'"),
        ("query_key_norm", "'head', 'all_heads'"),
    ])
    func anUnknownKindListsTheKnown(key: String, known: String) {
        #expect(
            error([key: "other", "other_setting": 1])
                == .value("\(key) must be one of \(known), got 'other'"))
    }

    @Test(
        arguments: [
            (
                ["residual": "parallel", "norm_placement": "output"],
                "residual must be 'sequential'"
            ),
            (["gate_up": "fused", "feed_forward": "relu"], "gate_up must be 'separate'"),
            (["rotary_size": 9], "rotary_size, even or rounded up, must be at most head_size 8"),
            (["rotary_size": 7, "head_size": 7], "rotary_size, even or rounded up"),
            (["rotary_size": -2], "rotary_size must be in"),
            (
                ["rotary_scaling": "longrope"],
                "rotary_short_factors must have an entry for each of 4"
            ),
            (
                ["rotary_scaling": "longrope", "rotary_short_factors": [1, 0], "rotary_size": 4],
                "rotary_short_factors must be positive"
            ),
            (["rotary_scaling": "longrope", "rotary_scale": 0], "rotary_scale must be positive"),
        ] as [([String: ModelDescription.Value], String)])
    func whatDoesNotGoTogetherIsRefused(changes: [String: ModelDescription.Value], text: String) {
        guard case .value(let message)? = error(changes) else {
            Issue.record("\(changes) is not refused")
            return
        }
        #expect(message.contains(text))
    }

    @Test(arguments: [
        ("embedding_scale", 0), ("logit_cap", -1), ("attention_cap", .infinity),
        ("attention_scale", .nan), ("rotary_local_base", 0),
    ])
    func aScaleACapOrABaseIsPositive(key: String, value: Double) {
        #expect(error([key: .real(value)]) == .value("\(key) must be positive, got \(value)"))
    }

    @Test func layersAreTurnedByASecondBaseWhereThereIsOne() {
        let layers: [String: ModelDescription.Value] = ["rotary_layers": .numbers([2, 0, 1])]
        #expect(error(layers) == .value("rotary_layers must be in [0, 1], got 2"))
        #expect(error(layers.merging(["rotary_local_base": 100.0]) { $1 }) == nil)
    }

    @Test(arguments: [
        ("names.query", "q_proj"), ("names.query", "{layer}.{layer}.q"), ("names.query", ""),
        ("names.head", "lm_head.{layer}"), ("names.head", "model.norm"), ("names.head", "head."),
        ("names.key", "model.layers.{layer}.self_attn.q_proj"),
    ])
    func aNameThatNamesNoModuleOfItsOwnIsRefused(key: String, name: String) throws {
        let fault = error([key: .text(name)])
        guard case .value(let text)? = fault else {
            Issue.record("\(key) = \(name) gives \(String(describing: fault))")
            return
        }
        #expect(text.contains(key) && !text.contains(";"))
    }

    @Test func withoutNamesModulesHaveTheModelsOwn() throws {
        var description = ModelDescription.llama(.tiny)
        for key in description.values.keys where key.hasPrefix("names.") {
            description.values[key] = nil
        }
        let model = try Decoder(ModelConfiguration(description))
        let names = model.tensors(.weight).map(\.name)
        #expect(
            names.prefix(3) == [
                "embedding.weight", "layers.0.attention_norm.weight",
                "layers.0.feed_forward_norm.weight",
            ])
        #expect(names.contains("layers.2.attention_output.weight"))
        #expect(model.configuration.adapterTargets.first == "query")
    }

    @Test func everyTensorIsFoundInItsPlace() throws {
        let model = try randomDecoder()
        for kind in [TensorKind.weight, .adapter, .gradient] {
            let tensors = model.tensors(kind)
            #expect(Set(tensors.map(\.name)).count == tensors.count)
            for (index, tensor) in tensors.enumerated() {
                #expect(try model.index(of: kind, named: tensor.name) == index)
            }
        }
        #expect(throws: VaccineError.self) { try model.index(of: .gradient, named: "nonsense") }
    }
}
