internal import Glibc

/// Random numbers as a function of a key and a counter: any element can be drawn again, in any order,
/// on any thread. That is how a backward pass sees the dropout mask of its forward pass without
/// storing it, and how a resumed run continues bit for bit.
///
/// Each word is the SplitMix64 finaliser of key + counter · golden ratio (Steele, Lea & Flood 2014,
/// doi:10.1145/2660193.2660195).
public struct RandomStream: Sendable, Equatable {
    @usableFromInline let key: UInt64

    /// The stream of these coordinates, for example (seed, step, pass).
    public init(_ first: UInt64, _ second: UInt64? = nil, _ third: UInt64? = nil) {
        func folded(_ key: UInt64, _ coordinate: UInt64) -> UInt64 {
            mixed(key ^ mixed(coordinate &+ golden))
        }
        var key = folded(0x5DEE_CE66_D1CE_4E5B, first)
        if let second { key = folded(key, second) }
        if let third { key = folded(key, third) }
        self.key = key
    }

    @usableFromInline init(key: UInt64) { self.key = key }

    /// A stream of its own for `index`.
    @inlinable public func substream(_ index: Int) -> RandomStream {
        RandomStream(key: mixed(key ^ mixed(UInt64(bitPattern: Int64(index)) &+ golden)))
    }

    /// 64 random bits.
    @inlinable @inline(__always) public func word(at counter: Int) -> UInt64 {
        mixed(key &+ UInt64(bitPattern: Int64(counter)) &* golden)
    }

    /// Uniform on [0, 1), 53 random bits.
    public func uniform(at counter: Int) -> Double {
        Double(word(at: counter) >> 11) * 0x1p-53
    }

    /// Standard normal, by Box and Muller.
    public func normal(at counter: Int) -> Float {
        let bits = word(at: counter)
        let radius = (-2 * logf((Float(bits >> 40) + 0.5) * 0x1p-24)).squareRoot()
        return radius * cosf(2 * .pi * Float(bits & 0xFF_FFFF) * 0x1p-24)
    }
}

@usableFromInline let golden: UInt64 = 0x9E37_79B9_7F4A_7C15

@inlinable @inline(__always)
func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}
