/// Sixteen floats: the width in which rows are swept and partial sums are kept, so that the order of
/// additions is fixed and results reproduce.
public typealias Lanes = SIMD16<Float>

/// The number of lanes.
public let laneCount = 16

extension Span where Element == Float {
    /// The sixteen elements from `index`.
    @inlinable @inline(__always) public func lanes(at index: Int) -> Lanes {
        precondition(index >= 0 && index + 16 <= count, "lanes out of range")
        return unsafe withUnsafeBytes {
            unsafe $0.loadUnaligned(fromByteOffset: index * 4, as: Lanes.self)
        }
    }

    /// The elements from `index` to the end, fewer than sixteen, followed by zeros.
    @inlinable public func lanesTail(at index: Int) -> Lanes {
        var lanes = Lanes.zero
        for offset in 0..<(count - index) { lanes[offset] = self[index + offset] }
        return lanes
    }
}

extension MutableSpan where Element == Float {
    /// The sixteen elements from `index`.
    @inlinable @inline(__always) public func lanes(at index: Int) -> Lanes {
        precondition(index >= 0 && index + 16 <= count, "lanes out of range")
        return unsafe withUnsafeBytes {
            unsafe $0.loadUnaligned(fromByteOffset: index * 4, as: Lanes.self)
        }
    }

    /// Writes sixteen elements from `index`.
    @inlinable @inline(__always) @_lifetime(self: copy self)
    public mutating func setLanes(_ lanes: Lanes, at index: Int) {
        precondition(index >= 0 && index + 16 <= count, "lanes out of range")
        unsafe withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: lanes, toByteOffset: index * 4, as: Lanes.self)
        }
    }

    /// Writes the leading lanes into the elements from `index` to the end.
    @inlinable @_lifetime(self: copy self)
    public mutating func setLanesTail(_ lanes: Lanes, at index: Int) {
        for offset in 0..<(count - index) { self[index + offset] = lanes[offset] }
    }

    /// The elements from `index` to the end, fewer than sixteen, followed by zeros.
    @inlinable public func lanesTail(at index: Int) -> Lanes {
        var lanes = Lanes.zero
        for offset in 0..<(count - index) { lanes[offset] = self[index + offset] }
        return lanes
    }
}

extension SIMD16 where Scalar == Float {
    /// `a · b + self`, one rounding where the processor fuses them.
    @inlinable @inline(__always) public mutating func addProduct(_ a: Lanes, _ b: Lanes) {
        self = addingProduct(a, b)
    }

    /// e raised to each lane.
    ///
    /// ```
    /// exp(x) = 2^k · exp(r),  k = round(x / ln 2),  |r| ≤ ln 2 / 2
    /// ```
    /// exp(r) by a polynomial of degree 6 (Cephes expf). Below -87 the result is 0 to within the
    /// smallest normal number; above 88 it saturates near the largest float.
    /// - Numerical note: relative error below 2 ulp on [-87, 88].
    @inlinable @inline(__always) public func exponential() -> Lanes {
        let x = self.clamped(
            lowerBound: Lanes(repeating: -87.3), upperBound: Lanes(repeating: 88.3))
        // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
        let shifted = Lanes(repeating: 12_582_912).addingProduct(
            x, Lanes(repeating: 1.442_695_04))
        let k = shifted - 12_582_912
        var r = x.addingProduct(k, Lanes(repeating: -0.693_359_375))
        r.addProduct(k, Lanes(repeating: 2.121_944_4e-4))
        var p = Lanes(repeating: 1.987_569_1e-4)
        p = Lanes(repeating: 1.398_199_9e-3).addingProduct(p, r)
        p = Lanes(repeating: 8.333_451_9e-3).addingProduct(p, r)
        p = Lanes(repeating: 4.166_579_6e-2).addingProduct(p, r)
        p = Lanes(repeating: 1.666_666_5e-1).addingProduct(p, r)
        p = Lanes(repeating: 5.000_000_1e-1).addingProduct(p, r)
        p = (r + 1).addingProduct(p, r * r)
        let bits = unsafe unsafeBitCast(shifted, to: SIMD16<Int32>.self)
        let exponent = (bits &- 0x4B40_0000 &+ 127) &<< 23
        let scale = unsafe unsafeBitCast(exponent, to: Lanes.self)
        return p * scale
    }
}

/// The maps of one row onto another are written once, for lanes; this sweeps a row with them.
///
/// - Parameters:
///   - count: length of the row.
///   - whole: called with each multiple of 16 that has sixteen elements from it.
///   - tail: called once with the index where fewer than sixteen remain, if any do.
@inlinable @inline(__always)
public func sweep(_ count: Int, whole: (Int) -> Void, tail: (Int) -> Void) {
    var index = 0
    while index + 16 <= count {
        whole(index)
        index += 16
    }
    if index < count { tail(index) }
}
