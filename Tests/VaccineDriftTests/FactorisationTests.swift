import Testing
import VaccineDrift

@Suite struct FactorisationTests {
    @Test func `eigenvalues of a hand-computed matrix`() throws {
        let values = try symmetricEigenvalues([2, 1, 1, 2], order: 2)
        #expect(abs(values[0] - 1) < 1e-15)
        #expect(abs(values[1] - 3) < 1e-15)
    }
}
