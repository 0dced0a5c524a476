extension SIMD16 where Scalar == Float {
    /// The hyperbolic tangent of each lane.
    ///
    /// ```
    /// tanh(x) = sign(x) · (1 − 2 / (exp(2·|x|) + 1)),   for |x| < 0.625 an odd polynomial of degree 11
    /// ```
    /// The polynomial is that of Cephes tanhf.
    /// - Numerical note: relative error below 4 ulp. NaN and ±∞ give NaN.
    @inlinable @inline(__always) public func hyperbolicTangent() -> Lanes {
        let magnitude = larger(of: -self)
        let doubled = 2 * magnitude.smaller(of: Lanes(repeating: 40))
        let far = 1 - 2 / (doubled.exponential() + 1) + (self - self)
        let square = self * self
        var p = Lanes(repeating: -5.704_988_7e-3)
        p = Lanes(repeating: 2.063_908_9e-2).addingProduct(p, square)
        p = Lanes(repeating: -5.373_971_6e-2).addingProduct(p, square)
        p = Lanes(repeating: 1.333_144_2e-1).addingProduct(p, square)
        p = Lanes(repeating: -3.333_328_2e-1).addingProduct(p, square)
        let near = addingProduct(p * square, self)
        return far.selecting(-far, whereNegative: self).selecting(
            near, whereNegative: magnitude - 0.625)
    }
}
