import Testing
import VaccineNumerics
import _TestSupport

@Suite struct CachedAttentionTests {
    /// Values as a weight of that precision holds them.
    private func held(_ values: Matrix, _ precision: Precision) -> (arena: Arena, weight: Weight) {
        let plan = Arena()
        _ = plan.weight(rows: values.rows, columns: values.columns, precision)
        guard let arena = try? Arena(byteCount: plan.byteCount, purpose: "keys") else {
            preconditionFailure("no memory for a few keys")
        }
        let weight = arena.weight(rows: values.rows, columns: values.columns, precision)
        weight.write(values)
        return (arena, weight)
    }

    private func rounded(_ x: Matrix) -> Matrix {
        matrix(x.elements.map { Precision.bfloat16.nearest($0) }, rows: x.rows, columns: x.columns)
    }

    @Test(
        arguments: [1, 2, 3, 4, 5, 9], [(1, 64), (3, 16), (4, 1), (7, 40), (33, 100), (6, 128)])
    func bothProductsEqualTheirPlainTwins(heads: Int, shape: (Int, Int)) {
        let (length, size) = shape
        let (queries, rows) = (normal(heads, size, seed: 1), normal(length, size, seed: 2))
        let (scores, context) = (zeros(heads, length), normal(heads, size, seed: 3))
        cachedScores(queries, keys: Weight(rows), into: scores)
        let weights = normal(heads, length, seed: 4)
        cachedContext(weights, values: Weight(rows), into: context)
        for head in 0..<heads {
            for t in 0..<length {
                let sum = (0..<size).reduce(0.0) {
                    $0 + Double(queries[head, $1]) * Double(rows[t, $1])
                }
                #expect(abs(Double(scores[head, t]) - sum) < 1e-4)
            }
            for column in 0..<size {
                let sum = (0..<length).reduce(0.0) {
                    $0 + Double(weights[head, $1]) * Double(rows[$1, column])
                }
                #expect(abs(Double(context[head, column]) - sum) < 1e-4)
            }
        }
    }

    /// A bfloat16 number is the float that it was rounded to.
    @Test(arguments: [1, 3, 6], [(1, 64), (5, 16), (4, 3), (9, 41), (8, 160)])
    func rowsInBfloat16GiveTheBitsOfTheirFloats(heads: Int, shape: (Int, Int)) {
        let (length, size) = shape
        let rows = normal(length, size, seed: 2)
        let (arena, narrow) = held(rows, .bfloat16)
        defer { arena.keepAlive() }
        let wide = Weight(rounded(rows))
        let (queries, weights) = (normal(heads, size, seed: 1), normal(heads, length, seed: 4))
        let (scores, expectedScores) = (zeros(heads, length), zeros(heads, length))
        cachedScores(queries, keys: narrow, into: scores)
        cachedScores(queries, keys: wide, into: expectedScores)
        #expect(scores.elements == expectedScores.elements)
        let (context, expectedContext) = (zeros(heads, size), zeros(heads, size))
        cachedContext(weights, values: narrow, into: context)
        cachedContext(weights, values: wide, into: expectedContext)
        #expect(context.elements == expectedContext.elements)
    }

    /// A score is a sum of its own, whatever keys and heads stand beside it, and whatever is fetched.
    @Test func scoresDependNeitherOnNeighboursNorOnWhatComesNext() {
        let (queries, rows) = (normal(7, 50, seed: 1), normal(11, 50, seed: 2))
        let together = zeros(7, 11)
        cachedScores(
            queries, keys: Weight(rows), next: Weight(normal(30, 50, seed: 5)), into: together)
        for head in 0..<7 {
            for t in 0..<11 {
                let alone = zeros(1, 1)
                cachedScores(
                    queries.rows(head..<head + 1), keys: Weight(rows.rows(t..<t + 1)), into: alone)
                #expect(alone[0, 0] == together[head, t])
            }
        }
    }
}
