/// Sixteen floats: the width in which rows are swept and partial sums are kept, so that the order of
/// additions is fixed and results reproduce.
public typealias Lanes = SIMD16<Float>

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
        precondition(index >= 0 && index <= count && count - index < 16, "tail out of range")
        var lanes = Lanes.zero
        unsafe withUnsafeBytes { bytes in
            unsafe Swift.withUnsafeMutableBytes(of: &lanes) {
                unsafe $0.copyMemory(from: .init(rebasing: bytes[(4 * index)...]))
            }
        }
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
        span.lanesTail(at: index)
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
    /// exp(r) by a polynomial of degree 6 (Cephes expf). x is held within [-87.3, 88.3], so that the
    /// result is neither subnormal nor infinite.
    /// - Numerical note: relative error below 2 ulp. NaN and ±∞ give NaN.
    @inlinable @inline(__always) public func exponential() -> Lanes {
        let x = larger(of: Lanes(repeating: -87.3)).smaller(of: Lanes(repeating: 88.3))
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
        return p * scale + (self - self)
    }

    // Comparisons of SIMD vectors in the standard library run lane by lane; the sign bit of a
    // difference, spread over the lane, selects as well and stays in vector registers.

    /// The larger of each pair of lanes; for NaN either.
    @inlinable @inline(__always) public func larger(of other: Lanes) -> Lanes {
        selecting(other, whereNegative: self - other)
    }

    /// The smaller of each pair of lanes; for NaN either.
    @inlinable @inline(__always) public func smaller(of other: Lanes) -> Lanes {
        selecting(other, whereNegative: other - self)
    }

    /// Lanes of `other` where `sign` is negative, else of self.
    @inlinable @inline(__always)
    public func selecting(_ other: Lanes, whereNegative sign: Lanes) -> Lanes {
        unsafe unsafeBitCast(
            unsafeBitCast(self, to: SIMD16<Int32>.self).selecting(
                unsafeBitCast(other, to: SIMD16<Int32>.self),
                whereNegative: unsafeBitCast(sign, to: SIMD16<Int32>.self)), to: Lanes.self)
    }
}

extension SIMD16 where Scalar == Int32 {
    /// Lanes of `other` where `sign` is negative, else of self.
    @inlinable @inline(__always)
    func selecting(_ other: Self, whereNegative sign: Self) -> Self {
        let mask = sign &>> 31
        return (self & ~mask) | (other & mask)
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
