/// Finite numbers in ascending order, by counting their bits: three passes over 11 bits each of float32, six of
/// float64 (Knuth, The Art of Computer Programming 3, §5.2.5).
func sortedNumbers(_ values: [Double], asSingles: Bool) -> [Double] {
    guard values.count >= 1024 else { return values.sorted() }
    return asSingles
        ? sortedByBits(values.map { ascending(Float($0).bitPattern) }, bits: 32)
            .map { Double(Float(bitPattern: original($0))) }
        : sortedByBits(values.map { ascending($0.bitPattern) }, bits: 64)
            .map { Double(bitPattern: original($0)) }
}

/// Bits that grow with the number: of a negative one all are turned, of others the sign.
private func ascending<Bits: FixedWidthInteger & UnsignedInteger>(_ bits: Bits) -> Bits {
    let sign: Bits = 1 << Bits(Bits.bitWidth - 1)
    return bits & sign == 0 ? bits | sign : ~bits
}

private func original<Bits: FixedWidthInteger & UnsignedInteger>(_ bits: Bits) -> Bits {
    let sign: Bits = 1 << Bits(Bits.bitWidth - 1)
    return bits & sign == 0 ? ~bits : bits & ~sign
}

private func sortedByBits<Bits: FixedWidthInteger & UnsignedInteger>(
    _ values: [Bits], bits: Int
) -> [Bits] {
    let digit = 11
    var (from, to) = (values, values)
    for shift in stride(from: 0, to: bits, by: digit) {
        var starts = [Int](repeating: 0, count: 1 << digit)
        let mask = Bits((1 << digit) - 1)
        for value in from { starts[Int(value >> Bits(shift) & mask)] += 1 }
        guard !starts.contains(from.count) else { continue }
        var start = 0
        for place in starts.indices {
            (start, starts[place]) = (start + starts[place], start)
        }
        for value in from {
            let place = Int(value >> Bits(shift) & mask)
            to[starts[place]] = value
            starts[place] += 1
        }
        swap(&from, &to)
    }
    return from
}
